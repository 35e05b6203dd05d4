import { type ContextId, ModuleRef, REQUEST } from '@nestjs/core';
import { dependenciesAt, type InstanceWrapper, resolveDependency, resolveInContext } from '../nest/injector.js';
import { isSupplied } from '../nest/instances.js';
import { BackgroundTasks } from '../tasks/background-tasks.js';
import { OWN_DEPENDENCIES } from './provide-resource.js';
import { type ResourceDefinition, resourceDefinitionOf } from './resource-definition.js';

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

/** Compiles what `@Resource()` names, which may be any provider. */
export function compileProvider(wrapper: InstanceWrapper, compiled: CompiledResources): Acquire {
  const definition = resourceDefinitionOf(wrapper.metatype);
  if (definition) return compileResource(definition, wrapper, compiled);
  return compileDirectly(wrapper) ?? ((request) => resolveInContext(wrapper, request.contextId));
}

/**
 * Compiles a resource and all that it depends on into plain calls, so that using it costs neither Nest's request
 * scope nor a lookup. The injector resolves only the dependencies that it alone can give.
 */
export function compileResource(
  definition: ResourceDefinition,
  wrapper: InstanceWrapper,
  compiled: CompiledResources,
): Acquire {
  const known = compiled.get(wrapper);
  if (known) return known;
  const dependencies = dependenciesAt(wrapper)
    .slice(OWN_DEPENDENCIES.length)
    .map((dependency) => (dependency ? compileDependency(dependency, wrapper, compiled) : () => undefined));
  const acquire = acquireWith(definition, dependencies);
  compiled.set(wrapper, acquire);
  return acquire;
}

export type CompiledResources = Map<InstanceWrapper, Acquire>;

function acquireWith(definition: ResourceDefinition, dependencies: readonly Acquire[]): Acquire {
  if (dependencies.length === 0) return (request) => request.acquire(definition, []);
  return (request) => {
    const values = dependencies.map((acquire) => acquire(request));
    return values.some((value) => value instanceof Promise)
      ? Promise.all(values).then((settled) => request.acquire(definition, settled))
      : request.acquire(definition, values);
  };
}

function compileDependency(
  dependency: InstanceWrapper,
  dependent: InstanceWrapper,
  compiled: CompiledResources,
): Acquire {
  const definition = resourceDefinitionOf(dependency.metatype);
  if (definition) return compileResource(definition, dependency, compiled);
  return compileDirectly(dependency) ?? ((request) => resolveDependency(dependency, dependent, request.contextId));
}

/** Returns `undefined` where only the injector can give the value. */
function compileDirectly(wrapper: InstanceWrapper): Acquire | undefined {
  if (wrapper.token === REQUEST) return ({ request }) => request;
  // One that a test has put in their place is a provider like any other.
  if (wrapper.token === BackgroundTasks && isSupplied(wrapper)) return ({ tasks }) => tasks;
  // A ModuleRef may be asked for providers of the request, so the request needs a context.
  if (wrapper.token === ModuleRef || wrapper.isTransient || !wrapper.isDependencyTreeStatic()) return undefined;
  return () => wrapper.instance as unknown;
}
