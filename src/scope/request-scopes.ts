import { Injectable } from '@nestjs/common';
import { type ContextId, ModulesContainer } from '@nestjs/core';
import type { Rank } from '../disposal/disposable-entry.js';
import { DisposalPlan } from '../disposal/disposal-plan.js';
import type { ResourceRequest } from '../disposal/resource-graph.js';
import { ResourceHolders } from '../disposal/resource-holder.js';
import { OutsideScopeError, ShuttingDownError } from '../errors/errors.js';
import { UnknownTaskError } from '../errors/named-task-errors.js';
import { type QueueLimits, TaskEngine } from '../execution/task-engine.js';
import { TaskQueue } from '../execution/task-queue.js';
import { UnorderedList } from '../execution/unordered-list.js';
import type { InstanceUnderConstruction } from '../nest/instances.js';
import { hasDependents, requestLookup } from '../nest/nest-internals.js';
import { BackgroundTasksRef } from '../tasks/background-tasks-ref.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import type { NamedTaskRequest } from './named-task-request.js';
import { RequestScope } from './request-scope.js';
import type { ScopeOrigin } from './scope-origin.js';
import { attachScopeSource, type ScopeSource, scopeSourceOf } from './scope-source.js';

/** All scopes of the application: opens them, finds them, and knows when none is left. */
@Injectable()
export class RequestScopes extends ResourceHolders {
  readonly plan: DisposalPlan;
  /** The scopes that have not closed yet. */
  readonly open = new UnorderedList<RequestScope>();
  /** The jobs that this process runs for a backend. Each job has a scope while its handler runs. */
  readonly jobs: TaskQueue;
  /** Whether a test has overridden BackgroundTasks. */
  areTasksOverridden = false;
  /** From then on new work is refused: everything that was accepted has ended. */
  isShutDown = false;
  readonly #onEmpty: (() => void)[] = [];
  readonly #requestOf: (contextId: ContextId) => unknown;
  #usesRef: boolean | undefined;

  constructor(
    readonly engine: TaskEngine,
    private readonly modules: ModulesContainer,
  ) {
    super();
    this.jobs = new TaskQueue(engine, this, engine.limitsOfJobs);
    this.plan = new DisposalPlan(
      modules,
      (contextId, host, rank) => this.#instanceBegun(contextId, host, rank),
      (contextId, what) => new ContextRequest(contextId, this.ofContext(contextId, what), this.#requestOf),
    );
    this.#requestOf = requestLookup(modules);
  }

  /** Checks and makes a named task. Set by the named tasks, a later room. */
  createNamedTask: (request: NamedTaskRequest, scope: RequestScope) => QueuedTask = ({ definition }) => {
    throw new UnknownTaskError(definition.name);
  };

  /** @throws SHUTTING_DOWN */
  create(origin: ScopeOrigin, limits?: QueueLimits): RequestScope {
    if (this.isShutDown) throw new ShuttingDownError('A new unit of work');
    const scope = new RequestScope(this, origin, limits);
    this.open.add(scope);
    return scope;
  }

  /** Finds the scope of what Nest injects as `REQUEST`, and opens it if nothing has yet. */
  of(request: unknown, what: string): RequestScope {
    const source = scopeSourceOf(request);
    if (!source) throw new OutsideScopeError(what);
    return source.openScope();
  }

  /** Finds the scope that the injector builds something for. */
  ofContext(contextId: ContextId, what: string): RequestScope {
    const source = this.#sourceOf(contextId);
    if (!source) throw new OutsideScopeError(what);
    return source.openScope();
  }

  /**
   * Whether anything injects BackgroundTasksRef, so that requests must be found without the injector. Known once
   * everything is built.
   */
  get usesRef(): boolean {
    return (this.#usesRef ??= hasDependents(this.modules, BackgroundTasksRef));
  }

  /** Resolves once no scope is open and no job is left. */
  async whenEmpty(): Promise<void> {
    while (!this.#isEmpty) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** Every queue of the application. */
  get queues(): TaskQueue[] {
    return [this.jobs, ...this.open.toArray().map((scope) => scope.queue)];
  }

  /** The tasks of a job's own queue are those of its handler. */
  get tasks(): BackgroundTasks {
    throw new OutsideScopeError('BackgroundTasks');
  }

  /** Called by a scope that has closed, and when the last job has ended. */
  closed(scope?: RequestScope): void {
    if (scope) this.open.delete(scope);
    if (this.#isEmpty) for (const callback of this.#onEmpty.splice(0)) callback();
  }

  get #isEmpty(): boolean {
    return this.open.size === 0 && this.jobs.isEmpty;
  }

  #instanceBegun(contextId: ContextId, host: InstanceUnderConstruction, rank: Rank): void {
    // A context that belongs to no request of ours: whoever made it looks after it.
    this.#sourceOf(contextId)?.openScope().trackInstance(host, rank);
  }

  #sourceOf(contextId: ContextId): ScopeSource | undefined {
    const known = scopeSourceOf(contextId);
    if (known) return known;
    const source = scopeSourceOf(this.#requestOf(contextId));
    if (source) attachScopeSource(contextId, source);
    return source;
  }
}

/** The request that a resource is built for, as the injector's context knows it. */
class ContextRequest implements ResourceRequest {
  constructor(
    readonly contextId: ContextId,
    readonly holder: RequestScope,
    private readonly requestOf: (contextId: ContextId) => unknown,
  ) {}

  get request(): unknown {
    return this.requestOf(this.contextId);
  }

  get tasks(): BackgroundTasks {
    return this.holder.tasks;
  }
}
