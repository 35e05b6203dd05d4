import { type ContextId, ModuleRef, REQUEST } from '@nestjs/core';
import { dependenciesAt, type InstanceWrapper, resolveDependency, resolveInContext } from '../nest/injector.js';
import { isSupplied } from '../nest/instances.js';
import { isPromise } from '../errors/safely.js';
import { BackgroundTasks } from '../tasks/background-tasks.js';
import type { Rank } from './disposal-plan.js';
import { OWN_DEPENDENCIES, type ResourceDefinition, resourceDefinitionOf } from './resource-definition.js';

/** Gives the value of a provider for one request, at once or as a promise. */
export type Acquire = (request: ResourceRequest) => unknown;

/** The request that a resource is acquired for. */
export interface ResourceRequest {
  /** The value that Nest injects as `REQUEST`. */
  readonly request: unknown;
  readonly tasks: BackgroundTasks;
  /** The injector's context. Reading it makes one, if the request has none yet. */
  readonly contextId: ContextId;
  /** Gives the request's one instance of a resource. The first call runs its factory. */
  acquire(resource: CompiledResource, dependencies: readonly unknown[]): unknown;
}

/** A definition together with what a module injects into it. A request has one instance of it. */
export interface CompiledResource {
  readonly definition: ResourceDefinition;
  readonly rank: Rank;
}

/**
 * Compiles resources, other providers and their dependencies into plain calls, which cost neither Nest's request scope
 * nor a lookup. The injector resolves the rest.
 */
export class ResourceCompiler {
  readonly #compiled = new Map<InstanceWrapper, Acquire>();
  readonly #variants = new Map<ResourceDefinition, Variant[]>();

  constructor(private readonly rankOf: (wrapper: InstanceWrapper) => Rank) {}

  /** With `dependent`, the injector resolves the provider as it does for that one. */
  compile(wrapper: InstanceWrapper, dependent?: InstanceWrapper): Acquire {
    const definition = resourceDefinitionOf(wrapper.metatype);
    if (definition) return this.#compiled.get(wrapper) ?? this.#compileResource(definition, wrapper);
    if (wrapper.token === REQUEST) return ({ request }) => request;
    // BackgroundTasks that a test has overridden are a provider like any other.
    if (wrapper.token === BackgroundTasks && isSupplied(wrapper)) return ({ tasks }) => tasks;
    // A ModuleRef may be asked for providers of the request, so the request needs a context.
    const isSingleton = wrapper.token !== ModuleRef && !wrapper.isTransient && wrapper.isDependencyTreeStatic();
    if (isSingleton) return () => wrapper.instance as unknown;
    if (dependent) return ({ contextId }) => resolveDependency(wrapper, dependent, contextId);
    return ({ contextId }) => resolveInContext(wrapper, contextId);
  }

  /**
   * Modules that list one object share its instances, unless they inject something else into it: a session on the
   * database of one module must not become the session of another.
   */
  #compileResource(definition: ResourceDefinition, wrapper: InstanceWrapper): Acquire {
    const injected = dependenciesAt(wrapper).slice(OWN_DEPENDENCIES.length);
    const acquirers = injected.map((each) => (each ? this.compile(each, wrapper) : () => undefined));
    // Resources that share their instances are one to those that depend on them.
    const identity = injected.map((each, index) => (resourceDefinitionOf(each?.metatype) ? acquirers[index] : each));
    const variants = this.#variants.get(definition) ?? [];
    const known = variants.find((other) => other.identity.every((each, index) => each === identity[index]));
    const acquire = known?.acquire ?? acquireWith({ definition, rank: this.rankOf(wrapper) }, acquirers);
    if (!known) this.#variants.set(definition, [...variants, { identity, acquire }]);
    this.#compiled.set(wrapper, acquire);
    return acquire;
  }
}

interface Variant {
  /** Stands for what is injected: a provider, or how a resource is acquired. */
  readonly identity: readonly unknown[];
  readonly acquire: Acquire;
}

function acquireWith(resource: CompiledResource, dependencies: readonly Acquire[]): Acquire {
  return (request) => {
    const values = dependencies.map((each) => each(request));
    return values.some(isPromise)
      ? Promise.all(values).then((settled) => request.acquire(resource, settled))
      : request.acquire(resource, values);
  };
}
