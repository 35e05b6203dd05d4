import type { ForwardReference, InjectionToken, Type } from '@nestjs/common';
import { type ContextId, ContextIdFactory, ModuleRef, type ModulesContainer, REQUEST } from '@nestjs/core';
import { type Injector, InstanceWrapper, type Module, REQUEST_CONTEXT_ID } from '@nestjs/core/internal';

export { InstanceWrapper };

/** Finds the wrappers of everything that the injector can build for a request: providers, controllers, enhancers. */
export function* wrappersOf(modules: ModulesContainer): Generator<InstanceWrapper> {
  for (const module of modules.values()) {
    yield* module.providers.values();
    yield* module.controllers.values();
    yield* module.injectables.values();
  }
}

/** Whether anything injects a provider, directly or not. */
export function hasDependents(modules: ModulesContainer, token: Type): boolean {
  return [...modules.values()].some((module) => (module.providers.get(token)?.getDependents().size ?? 0) > 0);
}

/** Finds what the constructor, the properties and the enhancers of a wrapper inject. */
export function dependenciesOf(wrapper: InstanceWrapper): InstanceWrapper[] {
  return [...heldBy(wrapper), ...(wrapper.getEnhancersMetadata() ?? [])];
}

/** Finds what the instances of a wrapper hold: what their constructor and their properties inject. */
export function heldBy(wrapper: InstanceWrapper): InstanceWrapper[] {
  const properties = (wrapper.getPropertiesMetadata() ?? []).map((property) => property.wrapper);
  // Entries are missing for optional dependencies that nobody provides.
  return [...(wrapper.getCtorMetadata() ?? []), ...properties].filter((each) => each instanceof InstanceWrapper);
}

/** Finds what the `inject` array of a factory names, by position; `undefined` where nobody provides an optional one. */
export function dependenciesAt(wrapper: InstanceWrapper): readonly (InstanceWrapper | undefined)[] {
  const found = wrapper.getCtorMetadata() ?? [];
  return Array.from({ length: wrapper.inject?.length ?? 0 }, (_, index) => found[index]);
}

/** Whether the wrapper's instances are built for one request and belong to nobody else. */
export function isPerRequest(wrapper: InstanceWrapper): boolean {
  return (!wrapper.isDependencyTreeStatic() && !wrapper.isDependencyTreeDurable()) || wrapper.isTransient;
}

/** Whether the wrapper's instances outlive the request that they are built for. */
export function isDurable(wrapper: InstanceWrapper): boolean {
  return !wrapper.isTransient && wrapper.isDependencyTreeDurable();
}

/** Whether the injector constructs it from a class, so that it owns the instance. */
export function isConstructed(wrapper: InstanceWrapper): boolean {
  return !wrapper.isNotMetatype && !wrapper.isAlias && typeof wrapper.metatype === 'function';
}

/** Returns a function that finds the value of `REQUEST` in a context and creates nothing. */
export function requestLookup(modules: ModulesContainer): (contextId: ContextId) => unknown {
  const wrapper = [...modules.values()]
    .map((module) => module.providers.get(REQUEST))
    .find((found) => found !== undefined);
  return (contextId) => wrapper?.getExistingInstancesByContextId(contextId)[0]?.instance;
}

/** Finds the provider that a class in `module` is injected for a token: the module's own, else an import's export. */
export function visibleProvider(module: Module, token: InjectionToken): InstanceWrapper | undefined {
  const found = module.providers.get(token) ?? exportedProvider(module.imports, token, new Set());
  if (!found?.isAlias) return found;
  const aliased = found.inject![0] as InjectionToken | ForwardReference<() => InjectionToken>;
  const isForward = typeof aliased === 'object' && 'forwardRef' in aliased;
  return visibleProvider(found.host!, isForward ? aliased.forwardRef() : aliased);
}

/** Resolves a provider in a context, as the injector does for a constructor of the provider's own module. */
export function resolveInContext(wrapper: InstanceWrapper, contextId: ContextId): Promise<unknown> {
  return moduleRefOf(wrapper).resolve(wrapper.token as Type, contextId, { strict: true });
}

/**
 * Resolves one dependency of a provider in a context, as the injector does when it builds that provider: a transient
 * dependency is the provider's own.
 */
export async function resolveDependency(
  dependency: InstanceWrapper,
  dependent: InstanceWrapper,
  contextId: ContextId,
): Promise<unknown> {
  const { injector } = moduleRefOf(dependent) as unknown as { readonly injector: Injector };
  const [value] = (await injector.loadCtorMetadata([dependency], contextId, dependent)) as unknown[];
  return value;
}

/**
 * Finds the injector's context for a request; makes one that Nest uses from then on, if there is none. As in Nest, a
 * strategy for durable providers is asked, and the request gets its payload. `wrapped` names the member of the request
 * which may have the context: a context of GraphQL wraps its HTTP request.
 */
export function contextIdOf(request: object, moduleRef: ModuleRef, wrapped = 'raw'): ContextId {
  const contextId: ContextId = ContextIdFactory.getByRequest(request as never, [wrapped]);
  if (!(REQUEST_CONTEXT_ID in request)) {
    Object.defineProperty(request, REQUEST_CONTEXT_ID, { value: contextId });
    moduleRef.registerRequestByContextId(Object.assign(request, contextId.payload), contextId);
  }
  return contextId;
}

/**
 * Makes the injector's context for what is no HTTP request, in which `unit` is injected as `REQUEST`. It gets the
 * payload of the strategy, too, but keeps the members that it has. As in Nest, nothing of it is injected into a tree of
 * durable providers, which outlives it.
 */
export function contextIdOfUnit(unit: object, moduleRef: ModuleRef, isTreeDurable: boolean): ContextId {
  const contextId: ContextId = ContextIdFactory.getByRequest(unit as never);
  Object.defineProperty(unit, REQUEST_CONTEXT_ID, { value: contextId });
  const missing = Object.entries(contextId.payload ?? {}).filter(([key]) => !(key in unit));
  const request: unknown = isTreeDurable ? contextId.payload : Object.assign(unit, Object.fromEntries(missing));
  moduleRef.registerRequestByContextId(request, contextId);
  return contextId;
}

function moduleRefOf(wrapper: InstanceWrapper): ModuleRef {
  return wrapper.host!.getProviderByKey(ModuleRef).instance;
}

function exportedProvider(
  modules: Iterable<Module>,
  token: InjectionToken,
  seen: Set<Module>,
): InstanceWrapper | undefined {
  for (const module of modules) {
    if (seen.has(module)) continue;
    seen.add(module);
    const reexported = [...module.imports].filter((imported) => module.exports.has(imported.metatype));
    const own = module.exports.has(token) ? module.providers.get(token) : undefined;
    const found = own ?? exportedProvider(reexported, token, seen);
    if (found) return found;
  }
  return undefined;
}
