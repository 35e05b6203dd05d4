import type { ContextId } from '@nestjs/core';
import type { ObservedScope, ScopeKind } from '../contracts/task-events.js';
import type { CompiledResource, ResourceRequest } from '../disposal/compiled-resource.js';
import type { HandlerListener, StreamedBody } from '../nest/handler-chain.js';
import { epochMs } from '../observation/clock.js';
import { type AsyncContext, asyncContext } from '../tasks/async-context.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { RequestScope } from './request-scope.js';
import type { RequestScopes } from './request-scopes.js';
import type { ScopeOrigin, ScopeSource } from './scope-source.js';

/**
 * A request, a message, an event or a call while it is handled: what `@Tasks()`, `@Resource()`, the injector and
 * BackgroundTasksRef lead to. Its scope opens when something of ours is first touched.
 */
export abstract class Unit implements AsyncContext, HandlerListener, ResourceRequest, ScopeOrigin, ScopeSource {
  /** A unit begins outside of any task. */
  readonly task = undefined;
  /** Stands in for BackgroundTasks where a test has overridden it. */
  tasksOverride: BackgroundTasks | undefined;
  protected scope: RequestScope | undefined;

  /** The moment at which it began, if anybody listens to that. */
  readonly begunAt: number | undefined;

  constructor(readonly scopes: RequestScopes) {
    this.begunAt = scopes.engine.events.scopeOpened.isHeard ? epochMs() : undefined;
  }

  abstract readonly kind: ScopeKind;
  abstract readonly description: string;
  abstract readonly request: object;
  abstract readonly canDelayResponse: boolean;
  abstract readonly hasClientLeft: boolean;
  abstract readonly contextId: ContextId;
  abstract readonly isSentByNest: boolean;
  abstract readonly usesAsyncContext: boolean;

  /** Whether it takes no more tasks. */
  abstract readonly isOver: boolean;

  /** Waits for some work before the tasks run. */
  abstract track(work: Promise<unknown>): void;

  abstract trackHandler(handler: Promise<unknown>): void;

  abstract trackBody(body: StreamedBody): void;

  /** @throws SCOPE_CLOSED, which says that `what` came too late; SHUTTING_DOWN */
  protected abstract open(what: string): RequestScope;

  get observed(): ObservedScope | undefined {
    return this.scope?.observed;
  }

  /** The tasks of this unit. @throws SCOPE_CLOSED, SHUTTING_DOWN */
  get tasks(): BackgroundTasks {
    return this.tasksOverride ?? this.openScope('BackgroundTasks').tasks;
  }

  acquire(resource: CompiledResource, dependencies: readonly unknown[]): unknown {
    return this.openScope(resource.definition.name).acquire(resource, dependencies);
  }

  openScope(what: string): RequestScope {
    return (this.scope ??= this.open(what));
  }

  scopeClosed(): void {
    this.scope = undefined;
  }

  /** Calls back in the async context of the unit. */
  runInContext<T>(callback: () => T): T {
    return asyncContext.run(this, callback);
  }
}
