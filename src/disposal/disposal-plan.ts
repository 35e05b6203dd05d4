import type { ContextId, ModulesContainer } from '@nestjs/core';
import { ResourceReleaseOrderError } from '../errors/errors.js';
import {
  ignoreInstances,
  type InstanceUnderConstruction,
  onInstanceBegun,
  supplyInstances,
} from '../nest/instances.js';
import {
  dependenciesOf,
  type InstanceWrapper,
  isConstructed,
  isPerRequest,
  wrappersOf,
} from '../nest/nest-internals.js';
import type { Rank } from './disposable-entry.js';
import { isDisposable } from './disposer.js';
import { type ResourceDefinition, resourceDefinitionOf } from './resource-definition.js';
import { compileDirectly, type ResourceRequest } from './resource-graph.js';

/** Told of every instance the injector begins that may have to be disposed. */
export type InstanceListener = (contextId: ContextId, host: InstanceUnderConstruction, rank: Rank) => void;

/** Finds the request that the injector builds a resource for; throws where there is none. */
export type RequestFinder = (contextId: ContextId, what: string) => ResourceRequest;

/**
 * The order of disposal, read once from the injector's own graph, so that the end of a request
 * costs by what the request created and not by what the application registered.
 */
export class DisposalPlan {
  readonly #ranks = new Map<InstanceWrapper, Rank>();
  readonly #resourceRanks = new Map<ResourceDefinition, Rank>();

  #isScanned = false;

  constructor(
    private readonly modules: ModulesContainer,
    private readonly listener: InstanceListener,
    private readonly requestOf: RequestFinder,
  ) {}

  /**
   * Reads the graph. Called at start-up, and again when modules were loaded lazily.
   *
   * @throws RESOURCE_RELEASE_ORDER
   */
  scan(): void {
    this.#isScanned = true;
    const wrappers = [...wrappersOf(this.modules)].filter((wrapper) => !wrapper.isAlias && isPerRequest(wrapper));
    const durableIds = new Set<string>();
    for (const wrapper of wrappersOf(this.modules)) if (wrapper.isDependencyTreeDurable()) durableIds.add(wrapper.id);
    for (const wrapper of wrappers) {
      const known = this.#ranks.get(wrapper);
      const rank = known ?? { name: String(wrapper.name), value: 0 };
      rank.value = reachOf(wrapper);
      if (known) continue;
      this.#ranks.set(wrapper, rank);
      const definition = resourceDefinitionOf(wrapper.metatype);
      if (definition) {
        assertReleaseOrder(definition, wrapper, new Set());
        this.#resourceRanks.set(definition, rank);
        this.#supply(definition, wrapper);
      } else if (isConstructed(wrapper)) {
        this.#listenTo(wrapper, rank, durableIds);
      }
    }
  }

  /** Reads the graph unless it has been read, as in an application that was not initialised. */
  scanOnce(): void {
    if (!this.#isScanned) this.scan();
  }

  rankOf(definition: ResourceDefinition): Rank {
    return this.#resourceRanks.get(definition) ?? { name: definition.name, value: 0 };
  }

  /** Spares the injector the way to a resource that can be had without it. */
  #supply(definition: ResourceDefinition, wrapper: InstanceWrapper): void {
    const acquire = compileDirectly(wrapper);
    if (acquire) supplyInstances(wrapper, (contextId) => acquire(this.requestOf(contextId, definition.name)));
  }

  #listenTo(wrapper: InstanceWrapper, rank: Rank, durableIds: ReadonlySet<string>): void {
    let isKnownDisposable = isDisposable((wrapper.metatype as { prototype: object }).prototype);
    onInstanceBegun(wrapper, (contextId, host, inquirerId) => {
      // A transient belongs to who asked for it; a durable provider outlives the request.
      if (inquirerId !== undefined && durableIds.has(inquirerId)) return;
      this.listener(contextId, host, rank);
      if (isKnownDisposable) return;
      // A disposer may be a class field, which only an instance shows. The first one decides.
      queueMicrotask(() => {
        void Promise.resolve(host.donePromise).then(() => {
          if (!host.isConstructorCalled || isKnownDisposable) return;
          isKnownDisposable = isDisposable(host.instance as object);
          if (!isKnownDisposable) ignoreInstances(wrapper);
        });
      });
    });
  }
}

/**
 * How many providers it leads to, itself included: always more than any of them leads to, unless
 * that leads back to it. In a cycle all have the same, so what is above and below it keeps its place.
 */
function reachOf(wrapper: InstanceWrapper): number {
  const reached = new Set([wrapper]);
  for (const each of reached)
    for (const dependency of dependenciesOf(each)) if (isPerRequest(dependency)) reached.add(dependency);
  return reached.size;
}

function assertReleaseOrder(
  definition: ResourceDefinition,
  wrapper: InstanceWrapper,
  seen: Set<InstanceWrapper>,
): void {
  if (definition.release === 'before-response') return;
  for (const dependency of dependenciesOf(wrapper)) {
    if (seen.has(dependency)) continue;
    seen.add(dependency);
    const other = resourceDefinitionOf(dependency.metatype);
    if (other?.release === 'before-response') throw new ResourceReleaseOrderError(definition.name, other.name);
    assertReleaseOrder(definition, dependency, seen);
  }
}
