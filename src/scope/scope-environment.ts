import type { DisposalPlan } from '../disposal/disposal-plan.js';
import type { TaskEngine } from '../execution/task-engine.js';
import type { RequestScope } from './request-scope.js';

/** What the scopes of an application share. */
export interface ScopeEnvironment {
  readonly engine: TaskEngine;
  readonly plan: DisposalPlan;
  /** Whether the application has drained, so that new work is refused. */
  readonly isShutDown: boolean;
  /** Called once by a scope that has closed. */
  closed(scope: RequestScope): void;
}
