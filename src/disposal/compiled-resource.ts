import { type ContextId, ModuleRef, REQUEST } from '@nestjs/core';
import { dependenciesAt, type InstanceWrapper, resolveDependency, resolveInContext } from '../nest/injector.js';
import { isSupplied } from '../nest/instances.js';
import { BackgroundTasks } from '../tasks/background-tasks.js';
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
  acquire(definition: ResourceDefinition, dependencies: readonly unknown[]): unknown;
}

/**
 * Compiles a resource, or another provider, and its dependencies into plain calls, which cost neither Nest's request
 * scope nor a lookup. The injector resolves the rest, as it does for `dependent` if that is given.
 */
export function compile(
  wrapper: InstanceWrapper,
  compiled: Map<InstanceWrapper, Acquire>,
  dependent?: InstanceWrapper,
): Acquire {
  const definition = resourceDefinitionOf(wrapper.metatype);
  if (definition) return compiled.get(wrapper) ?? compileResource(definition, wrapper, compiled);
  if (wrapper.token === REQUEST) return ({ request }) => request;
  // BackgroundTasks that a test has overridden are a provider like any other.
  if (wrapper.token === BackgroundTasks && isSupplied(wrapper)) return ({ tasks }) => tasks;
  // A ModuleRef may be asked for providers of the request, so the request needs a context.
  const isSingleton = wrapper.token !== ModuleRef && !wrapper.isTransient && wrapper.isDependencyTreeStatic();
  if (isSingleton) return () => wrapper.instance as unknown;
  if (dependent) return ({ contextId }) => resolveDependency(wrapper, dependent, contextId);
  return ({ contextId }) => resolveInContext(wrapper, contextId);
}

function compileResource(
  definition: ResourceDefinition,
  wrapper: InstanceWrapper,
  compiled: Map<InstanceWrapper, Acquire>,
): Acquire {
  const dependencies = dependenciesAt(wrapper)
    .slice(OWN_DEPENDENCIES.length)
    .map((dependency) => (dependency ? compile(dependency, compiled, wrapper) : () => undefined));
  const acquire: Acquire = (request) => {
    if (dependencies.length === 0) return request.acquire(definition, []);
    const values = dependencies.map((each) => each(request));
    return values.some((value) => value instanceof Promise)
      ? Promise.all(values).then((settled) => request.acquire(definition, settled))
      : request.acquire(definition, values);
  };
  compiled.set(wrapper, acquire);
  return acquire;
}
