import type { ContextId, ModulesContainer } from '@nestjs/core';
import type { ResourceRequest } from '../disposal/compiled-resource.js';
import { DisposalPlan, type Rank } from '../disposal/disposal-plan.js';
import type { ResourceDefinition } from '../disposal/resource-definition.js';
import { OutsideScopeError, ShuttingDownError } from '../errors/errors.js';
import type { RunSlots } from '../execution/run-slots.js';
import type { TaskEngine } from '../execution/task-engine.js';
import type { InstanceRecord } from '../nest/instances.js';
import { hasDependents, requestLookup } from '../nest/injector.js';
import { Roll } from '../execution/unordered-list.js';
import { ambient, BackgroundTasksRef } from '../tasks/ambient.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { NamedTasks } from '../tasks/named-tasks.js';
import { RequestScope } from './request-scope.js';
import type { ScopeEnvironment } from './scope-environment.js';
import type { ScopeOrigin } from './scope-origin.js';
import { attachScopeSource, type ScopeSource, scopeSourceOf } from './scope-source.js';

/** All scopes of the application: makes them, finds them, and knows when none is left. */
export class RequestScopes implements ScopeEnvironment {
  readonly plan: DisposalPlan;
  /** The scopes that have not closed yet. */
  readonly open = new Roll<RequestScope>();
  /** Whether a test has put something else in the place of BackgroundTasks. */
  areTasksOverridden = false;
  readonly #onEmpty: (() => void)[] = [];
  readonly #requestOf: (contextId: ContextId) => unknown;
  #isShutDown = false;
  #usesRef: boolean | undefined;

  constructor(
    readonly engine: TaskEngine,
    readonly named: NamedTasks,
    private readonly modules: ModulesContainer,
  ) {
    this.plan = new DisposalPlan(
      modules,
      (contextId, record, rank) => this.#instanceBegun(contextId, record, rank),
      (contextId, what) => new ContextRequest(contextId, this.ofContext(contextId, what), this.#requestOf),
    );
    this.#requestOf = requestLookup(modules);
  }

  /** @throws SHUTTING_DOWN */
  create(origin: ScopeOrigin, slots?: RunSlots): RequestScope {
    if (this.#isShutDown) throw new ShuttingDownError('A new unit of work');
    const scope = new RequestScope(this, origin, slots);
    this.open.add(scope);
    return scope;
  }

  /** Finds the scope that the injector builds something for. */
  ofContext(contextId: ContextId, what: string): RequestScope {
    const source = this.#sourceOf(contextId);
    if (!source) throw new OutsideScopeError(what);
    return source.openScope();
  }

  /** Whether anything injects BackgroundTasksRef, so that requests must be found without the injector. Known once everything is built. */
  get usesRef(): boolean {
    this.#usesRef ??= hasDependents(this.modules, BackgroundTasksRef);
    if (this.#usesRef) ambient.expectStores();
    return this.#usesRef;
  }

  /** Resolves once no scope is open. */
  async whenEmpty(): Promise<void> {
    while (this.open.size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  get isShutDown(): boolean {
    return this.#isShutDown;
  }

  /** From now on new work is refused: everything that was accepted has ended. */
  shutDown(): void {
    this.#isShutDown = true;
  }

  closed(scope: RequestScope): void {
    this.open.delete(scope);
    if (this.open.size === 0) for (const callback of this.#onEmpty.splice(0)) callback();
  }

  #instanceBegun(contextId: ContextId, record: InstanceRecord, rank: Rank): void {
    // A context that belongs to no request of ours: whoever made it looks after it.
    this.#sourceOf(contextId)?.openScope().trackInstance(record, rank);
  }

  #sourceOf(contextId: ContextId): ScopeSource | undefined {
    const known = scopeSourceOf(contextId);
    if (known) return known;
    const source = scopeSourceOf(this.#requestOf(contextId));
    if (source) attachScopeSource(contextId, source);
    return source;
  }
}

/** What the injector's context says about the request that a resource is built for. */
class ContextRequest implements ResourceRequest {
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

  acquire(definition: ResourceDefinition, dependencies: readonly unknown[]): unknown {
    return this.scope.acquire(definition, dependencies);
  }
}
