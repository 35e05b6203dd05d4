import type { ContextId, ModulesContainer } from '@nestjs/core';
import { DurableDependencyError, ResourceCircleError, ResourceReleaseOrderError } from '../errors/errors.js';
import {
  dependenciesOf,
  heldBy,
  type InstanceWrapper,
  isConstructed,
  isDurable,
  isPerRequest,
  wrappersOf,
} from '../nest/injector.js';
import { ignoreInstances, type InstanceRecord, onInstanceBegun, supplyInstances } from '../nest/instances.js';
import { BackgroundTasks } from '../tasks/background-tasks.js';
import { type Acquire, ResourceCompiler, type ResourceRequest } from './compiled-resource.js';
import { OWN_DEPENDENCIES, type ResourceDefinition, resourceDefinitionOf } from './resource-definition.js';
import { isDisposable } from './tracked-instance.js';

/** The place of a provider or resource in the order of disposal. */
export interface Rank {
  readonly name: string;
  /** Dependents have a higher value than what they depend on: the highest is disposed of first. */
  value: number;
}

/**
 * The resources and disposers of the application, and their order. They are read once from the injector's own
 * graph, so that the end of a request costs nothing for providers that the request did not use.
 */
export class DisposalPlan {
  readonly #ranks = new Map<InstanceWrapper, Rank>();
  readonly #compiler = new ResourceCompiler((wrapper) => this.#ranks.get(wrapper)!);
  #isScanned = false;

  /**
   * `instanceBegun` receives every instance that the injector begins and that may need disposal. `requestOf` finds the
   * request that the injector builds a resource for, and throws if there is none.
   */
  constructor(
    private readonly modules: ModulesContainer,
    private readonly instanceBegun: (contextId: ContextId, record: InstanceRecord, rank: Rank) => void,
    private readonly requestOf: (contextId: ContextId, what: string) => ResourceRequest,
  ) {}

  /**
   * Reads the graph. Called at start-up, and again after modules were loaded lazily.
   *
   * @throws RESOURCE_RELEASE_ORDER, RESOURCE_CIRCLE, DURABLE_DEPENDENCY
   */
  scan(): void {
    this.#isScanned = true;
    const wrappers = [...wrappersOf(this.modules)];
    const durableIds = new Set(wrappers.filter((each) => each.isDependencyTreeDurable()).map(({ id }) => id));
    const found = wrappers.filter((wrapper) => !wrapper.isAlias && isPerRequest(wrapper));
    const added = found.filter((wrapper) => !this.#ranks.has(wrapper));
    for (const wrapper of found) this.#rank(wrapper);
    for (const wrapper of wrappers) if (isDurable(wrapper)) assertOutlives([wrapper]);
    for (const wrapper of added) {
      const definition = resourceDefinitionOf(wrapper.metatype);
      if (definition) assertSound(definition, [wrapper]);
    }
    for (const wrapper of added) {
      const definition = resourceDefinitionOf(wrapper.metatype);
      if (definition) this.#supply(definition, wrapper);
      else if (isConstructed(wrapper)) this.#listenTo(wrapper, durableIds);
    }
  }

  /** Reads the graph unless it has been read, for an application that was never initialised. */
  scanOnce(): void {
    if (!this.#isScanned) this.scan();
  }

  /** Compiles a provider, for code that does not go through the injector. */
  compile(wrapper: InstanceWrapper): Acquire {
    return this.#compiler.compile(wrapper);
  }

  #rank(wrapper: InstanceWrapper): void {
    const rank = this.#ranks.get(wrapper) ?? { name: String(wrapper.name), value: 0 };
    rank.value = reachOf(wrapper);
    this.#ranks.set(wrapper, rank);
  }

  #supply(definition: ResourceDefinition, wrapper: InstanceWrapper): void {
    const acquire = this.compile(wrapper);
    supplyInstances(wrapper, (contextId) => acquire(this.requestOf(contextId, definition.name)));
  }

  #listenTo(wrapper: InstanceWrapper, durableIds: ReadonlySet<string>): void {
    const rank = this.#ranks.get(wrapper)!;
    let isKnownDisposable = isDisposable((wrapper.metatype as { prototype: object }).prototype);
    onInstanceBegun(wrapper, (contextId, record, inquirerId) => {
      // A transient belongs to the provider it is built for; a durable provider outlives the request.
      if (inquirerId !== undefined && durableIds.has(inquirerId)) return;
      this.instanceBegun(contextId, record, rank);
      if (isKnownDisposable) return;
      // A disposer may be a class field, which only an instance shows. The first instance decides.
      queueMicrotask(() => {
        void Promise.resolve(record.donePromise).then(() => {
          if (!record.isConstructorCalled || isKnownDisposable) return;
          isKnownDisposable = isDisposable(record.instance as object);
          if (!isKnownDisposable) ignoreInstances(wrapper);
        });
      });
    });
  }
}

/**
 * Counts the providers that a wrapper depends on, directly or not, itself included. A dependent always has a higher
 * count than its dependencies; the members of a circle share one count.
 */
function reachOf(wrapper: InstanceWrapper): number {
  const reached = new Set([wrapper]);
  for (const each of reached)
    for (const dependency of injectedBy(each)) if (isPerRequest(dependency)) reached.add(dependency);
  return reached.size;
}

/** Checks everything that a resource depends on. `path` begins with the resource. */
function assertSound(
  definition: ResourceDefinition,
  path: readonly InstanceWrapper[],
  seen = new Set<InstanceWrapper>(),
): void {
  for (const dependency of injectedBy(path.at(-1)!)) {
    // With forwardRef() Nest injects a class before it is built. The value of a factory does not exist that early.
    if (dependency === path[0]) throw new ResourceCircleError([...path, dependency].map(({ name }) => String(name)));
    if (seen.has(dependency)) continue;
    seen.add(dependency);
    const other = resourceDefinitionOf(dependency.metatype);
    if (definition.release === 'after-tasks' && other?.release === 'before-response')
      throw new ResourceReleaseOrderError(definition.name, other.name);
    assertSound(definition, [...path, dependency], seen);
  }
}

/** Checks that nothing which a durable provider holds ends with a request. `path` begins with the provider. */
function assertOutlives(path: readonly InstanceWrapper[], seen = new Set<InstanceWrapper>()): void {
  for (const held of heldBy(path.at(-1)!)) {
    const extended = [...path, held];
    if (endsWithRequest(held)) throw new DurableDependencyError(extended.map(({ name }) => String(name)));
    if (seen.has(held) || isDurable(held) || !isPerRequest(held)) continue;
    seen.add(held);
    assertOutlives(extended, seen);
  }
}

function endsWithRequest(wrapper: InstanceWrapper): boolean {
  if (wrapper.token === BackgroundTasks || resourceDefinitionOf(wrapper.metatype)) return true;
  // A transient belongs to the durable provider that holds it, and is not disposed of.
  if (wrapper.isTransient || !isPerRequest(wrapper) || !isConstructed(wrapper)) return false;
  return isDisposable((wrapper.metatype as { prototype: object }).prototype);
}

function injectedBy(wrapper: InstanceWrapper): InstanceWrapper[] {
  const isResource = resourceDefinitionOf(wrapper.metatype) !== undefined;
  return dependenciesOf(wrapper).slice(isResource ? OWN_DEPENDENCIES.length : 0);
}
