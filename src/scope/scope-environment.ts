import type { DisposalPlan } from '../disposal/disposal-plan.js';
import type { TaskEngine } from '../execution/task-engine.js';
import type { Enrolled } from '../execution/unordered-list.js';
import type { NamedTasks } from '../tasks/named-tasks.js';

/** What the scopes of an application share. */
export interface ScopeEnvironment {
  readonly engine: TaskEngine;
  readonly plan: DisposalPlan;
  /** Whether the application has drained, so that new work is refused. */
  readonly isShutDown: boolean;
  readonly named: NamedTasks;
  /** Called once by a scope that has closed. */
  closed(scope: Enrolled): void;
}
