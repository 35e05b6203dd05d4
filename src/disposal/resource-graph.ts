import { type ContextId, ModuleRef, REQUEST } from '@nestjs/core';
import { dependenciesAt, type InstanceWrapper, resolveInContext } from '../nest/nest-internals.js';
import { BackgroundTasks } from '../tasks/background-tasks.js';
import { type ResourceDefinition, resourceDefinitionOf } from './resource-definition.js';
import type { ResourceHolder } from './resource-holder.js';

/** What a compiled resource needs to know about the request it is acquired for. */
export interface ResourceRequest {
  readonly holder: ResourceHolder;
  /** What Nest injects as `REQUEST`. */
  readonly request: unknown;
  readonly tasks: BackgroundTasks;
  readonly contextId: ContextId;
}

/** Gives the value of a provider for one request, at once or as a promise. */
export type Acquire = (request: ResourceRequest) => unknown;

/**
 * Compiles a resource and what it depends on into plain calls, so that using it costs neither
 * Nest's request scope nor a lookup. What cannot be compiled goes through the injector.
 */
export function compileResource(wrapper: InstanceWrapper): Acquire {
  return compileDirectly(wrapper) ?? ((request) => resolveInContext(wrapper, request.contextId));
}

/** The same; `undefined` where only the injector can build it. */
export function compileDirectly(wrapper: InstanceWrapper): Acquire | undefined {
  return compile(wrapper, new Map());
}

/** `undefined` where only the injector can build it. */
function compile(wrapper: InstanceWrapper, compiled: Map<InstanceWrapper, Acquire | undefined>): Acquire | undefined {
  if (compiled.has(wrapper)) return compiled.get(wrapper);
  const definition = resourceDefinitionOf(wrapper.metatype);
  compiled.set(wrapper, undefined);
  const acquire = definition ? compileDefinition(definition, wrapper, compiled) : compilePlain(wrapper);
  compiled.set(wrapper, acquire);
  return acquire;
}

function compileDefinition(
  definition: ResourceDefinition,
  wrapper: InstanceWrapper,
  compiled: Map<InstanceWrapper, Acquire | undefined>,
): Acquire | undefined {
  // The first two are what provideResource asks for itself.
  const dependencies = dependenciesAt(wrapper)
    .slice(2)
    .map((dependency) => (dependency ? compile(dependency, compiled) : () => undefined));
  if (!dependencies.every((acquire) => acquire !== undefined)) return undefined;
  if (dependencies.length === 0) return ({ holder }) => holder.acquire(definition, []);
  return (request) => {
    const values = dependencies.map((acquire) => acquire(request));
    return values.some((value) => value instanceof Promise)
      ? Promise.all(values).then((settled) => request.holder.acquire(definition, settled))
      : request.holder.acquire(definition, values);
  };
}

function compilePlain(wrapper: InstanceWrapper): Acquire | undefined {
  if (wrapper.token === REQUEST) return ({ request }) => request;
  if (wrapper.token === BackgroundTasks) return ({ tasks }) => tasks;
  if (wrapper.token === ModuleRef || wrapper.isTransient || !wrapper.isDependencyTreeStatic()) return undefined;
  return () => wrapper.instance as unknown;
}
