import { Injectable, type Type } from '@nestjs/common';
import { type ContextId, LazyModuleLoader, ModulesContainer } from '@nestjs/core';
import type { CompiledResource, ResourceRequest } from '../disposal/compiled-resource.js';
import { DisposalPlan, type Rank } from '../disposal/disposal-plan.js';
import type { HandlerResources } from '../disposal/handler-resources.js';
import { OutsideScopeError, ShuttingDownError } from '../errors/errors.js';
import { UnknownTaskError } from '../errors/named-task-errors.js';
import { isInstance } from '../errors/safely.js';
import { type QueueLimits, TaskEngine } from '../execution/task-engine.js';
import { TaskQueue } from '../execution/task-queue.js';
import { UnorderedList } from '../execution/unordered-list.js';
import { hasDependents, requestLookup } from '../nest/injector.js';
import type { InstanceRecord } from '../nest/instances.js';
import { globalInterceptors } from '../nest/interceptors.js';
import type { CheckedEnqueueOptions } from '../options/enqueue-options.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import { BackgroundTasksRef } from '../tasks/background-tasks-ref.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { providedByModule } from '../tasks/registration.js';
import type { Caller } from '../tasks/stack-trace.js';
import type { TaskDefinition } from '../tasks/task-definition.js';
import { RequestScope } from './request-scope.js';
import { attachSourceOf, type ScopeSource, scopeSourceOf, type ScopeOrigin } from './scope-source.js';

/** All scopes of the application: opens them, finds them, and knows when none is left. */
@Injectable()
export class RequestScopes {
  readonly plan: DisposalPlan;
  /** The scopes that have not closed yet. */
  readonly open = new UnorderedList<RequestScope>();
  /** The jobs that this process runs for a backend. Each job has a scope while its handler runs. */
  readonly jobs: TaskQueue;
  /** The queues of tasks that have left their scopes: they wait for a batch or for their group, or run. */
  readonly apart = new Set<TaskQueue>();
  /** Jobs belong to no scope. */
  readonly observed = undefined;
  /** The words of a log line for the queue of jobs. */
  readonly origin = { description: 'a job' };
  /** The resources that handlers name. Set once everything has been built. */
  resources: HandlerResources | undefined;
  /** Whether a test has overridden BackgroundTasks. */
  areTasksOverridden = false;
  /** From then on new work is refused: everything that was accepted has ended. */
  isShutDown = false;
  readonly #onEmpty: (() => void)[] = [];
  readonly #requestOf: (contextId: ContextId) => unknown;
  #usesRef: boolean | undefined;
  #usesRefInMessages: boolean | undefined;
  /** The interceptor with which code uses a reference that nothing injects. Set by the module. */
  refInterceptor!: Type;
  /** Whoever injects one of these looks for the request in the async context, or may load code that does. */
  readonly needAsyncContext: Type[] = [BackgroundTasksRef, LazyModuleLoader];

  constructor(
    readonly engine: TaskEngine,
    private readonly modules: ModulesContainer,
  ) {
    this.jobs = new TaskQueue(engine, this, engine.limitsOfJobs);
    this.plan = new DisposalPlan(
      modules,
      (contextId, record, rank) => this.#instanceBegun(contextId, record, rank),
      (contextId, what) => this.#resourceRequest(contextId, what),
    );
    this.#requestOf = requestLookup(modules);
  }

  /** Checks and makes a named task. Set by NamedTasks. */
  createNamedTask: (call: EnqueueCall, scope: RequestScope) => QueuedTask = ({ definition }) => {
    throw new UnknownTaskError(definition.name);
  };

  /** @throws SHUTTING_DOWN */
  create(origin: ScopeOrigin, limits?: QueueLimits): RequestScope {
    if (this.isShutDown) throw new ShuttingDownError('A new unit of work');
    const scope = new RequestScope(this, origin, limits);
    this.open.add(scope);
    return scope;
  }

  /** Finds the scope that the injector builds something for. */
  ofContext(contextId: ContextId, what: string): RequestScope {
    return this.#neededSourceOf(contextId, what).openScope(what);
  }

  /** Finds the tasks of the request that the injector builds something for. */
  tasksOfContext(contextId: ContextId): BackgroundTasks {
    return this.#neededSourceOf(contextId, 'BackgroundTasks').tasks;
  }

  /**
   * Whether anything injects BackgroundTasksRef, marks a method as a unit of work, or may load a module that does, so
   * that requests must be found without the injector. Known once everything is built.
   */
  get usesRef(): boolean {
    return (this.#usesRef ??= this.needAsyncContext.some((token) => hasDependents(this.modules, token)));
  }

  /**
   * Whether all messages must be found without the injector: requests must, or the application has the interceptor with
   * which code uses a reference that nothing injects. Known once everything is built.
   */
  get usesRefInMessages(): boolean {
    return (this.#usesRefInMessages ??=
      this.usesRef || globalInterceptors(this.modules).some((each) => isInstance(each, this.refInterceptor)));
  }

  /**
   * Reads what the modules of the application declare. Called again after modules were loaded lazily.
   *
   * @throws RESOURCE_RELEASE_ORDER, RESOURCE_CIRCLE, DURABLE_DEPENDENCY
   */
  readModules(): void {
    this.#usesRef = undefined;
    this.#usesRefInMessages = undefined;
    this.plan.scan();
  }

  /** Whether a context of the injector belongs to a request or unit of ours. */
  knows(contextId: ContextId): boolean {
    return this.#sourceOf(contextId) !== undefined;
  }

  /** Resolves once no scope is open and no job is left. */
  async whenEmpty(): Promise<void> {
    while (!this.#isEmpty) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** Every queue of the application. */
  get queues(): TaskQueue[] {
    return [this.jobs, ...this.apart, ...this.open.toArray().map((scope) => scope.queue)];
  }

  /** Jobs have no tasks of their own: those that a handler adds belong to the scope of its run. */
  get tasks(): BackgroundTasks {
    throw new OutsideScopeError('BackgroundTasks', 'injector');
  }

  /** Called by a scope that has closed, and when the last job has ended. */
  closed(scope?: RequestScope): void {
    if (scope) this.open.delete(scope);
    if (this.#onEmpty.length > 0 && this.#isEmpty) for (const callback of this.#onEmpty.splice(0)) callback();
  }

  get #isEmpty(): boolean {
    return this.open.size === 0 && this.jobs.isEmpty && this.apart.size === 0;
  }

  #instanceBegun(contextId: ContextId, record: InstanceRecord, rank: Rank): void {
    // A context of no request of ours is disposed of by the code that made it.
    this.#sourceOf(contextId)?.openScope(`An instance of ${rank.name}`).trackInstance(record, rank);
  }

  /** Describes the request of a context to the resources that the injector builds for it. */
  #resourceRequest(contextId: ContextId, what: string): ResourceRequest {
    return new InjectorRequest(contextId, this.ofContext(contextId, what), this.#requestOf);
  }

  #neededSourceOf(contextId: ContextId, what: string): ScopeSource {
    const source = this.#sourceOf(contextId);
    if (!source) throw new OutsideScopeError(what, 'injector');
    return source;
  }

  #sourceOf(contextId: ContextId): ScopeSource | undefined {
    const known = scopeSourceOf(contextId);
    if (known) return known;
    attachSourceOf(this.#requestOf(contextId), contextId);
    return scopeSourceOf(contextId);
  }
}

/** The request of a context of the injector. */
class InjectorRequest implements ResourceRequest {
  constructor(
    readonly contextId: ContextId,
    private readonly scope: RequestScope,
    private readonly requestOf: (contextId: ContextId) => unknown,
  ) {}

  get request(): unknown {
    return this.requestOf(this.contextId);
  }

  get tasks(): BackgroundTasks {
    return this.scope.tasks;
  }

  acquire(resource: CompiledResource, dependencies: readonly unknown[]): unknown {
    return this.scope.acquire(resource, dependencies);
  }
}

/** One call of `enqueue`, with the options of its definition. */
export interface EnqueueCall extends CheckedEnqueueOptions {
  readonly definition: TaskDefinition;
  readonly payload: unknown;
  readonly options: CheckedTaskOptions;
  readonly stackTrace: Error | undefined;
  /** Whether it goes in a transaction of the caller's own. */
  readonly isWithin: boolean;
  /** Set for the tasks of a group; `members` are those that the last one waits for. */
  readonly group?: { readonly members?: readonly QueuedTask[] };
}

/** The same as it was given, with the options of `with()`, and the function that was called. */
export interface GivenCall extends Omit<EnqueueCall, 'stackTrace' | 'isWithin'> {
  readonly caller: Caller;
}

providedByModule(RequestScopes);
