import type { ArgumentsHost, InjectionToken, Type } from '@nestjs/common';
import {
  RESPONSE_PASSTHROUGH_METADATA,
  ROUTE_ARGS_METADATA,
  RouteParamtypes,
  SSE_METADATA,
} from '@nestjs/common/internal';
import {
  type ContextId,
  ContextIdFactory,
  MetadataScanner,
  ModuleRef,
  type ModulesContainer,
  REQUEST,
} from '@nestjs/core';
import { ExceptionsHandler } from '@nestjs/core/exceptions/exceptions-handler.js';
import { InstanceWrapper, type Module, REQUEST_CONTEXT_ID } from '@nestjs/core/internal';
import { createRequire } from 'node:module';
import { UnsupportedNestError } from '../errors/errors.js';

// What this package uses of Nest that is not public API is in this file and `instances.ts`, and checked at start-up.

export { InstanceWrapper, type Module };

/** Throws UNSUPPORTED_NEST if the installed Nest is not shaped the way this file expects. */
export function assertSupportedNest(): void {
  const wrapper = InstanceWrapper.prototype as unknown as Record<string, unknown>;
  const missing = [
    'cloneStaticInstance',
    'setInstanceByContextId',
    'setInstanceByInquirerId',
    'getExistingInstancesByContextId',
    'getCtorMetadata',
    'getPropertiesMetadata',
    'getEnhancersMetadata',
    'getDependents',
    'isDependencyTreeStatic',
    'isDependencyTreeDurable',
  ].filter((method) => typeof wrapper[method] !== 'function');
  const lacking = missing.map((method) => `InstanceWrapper.${method}()`);
  for (const method of ['next', 'setCustomFilters'] as const) {
    if (typeof ExceptionsHandler.prototype[method] !== 'function') lacking.push(`ExceptionsHandler.${method}()`);
  }
  if (typeof REQUEST_CONTEXT_ID !== 'symbol') lacking.push('REQUEST_CONTEXT_ID');
  if (lacking.length === 0) return;
  const { version } = createRequire(import.meta.url)('@nestjs/core/package.json') as { version: string };
  throw new UnsupportedNestError(version, lacking);
}

/** Sees an error that is about to be answered; `answer` hands it to the exception filters. */
export type ExceptionListener = (exception: unknown, host: ArgumentsHost, answer: (exception: unknown) => void) => void;

/** Sees that an async exception filter is at work. */
export type FilterListener = (filter: Promise<unknown>, host: ArgumentsHost) => void;

const LISTENER = Symbol('nestjs-background-tasks:exception-listener');

/**
 * Calls the listener with every error of a guard, pipe, interceptor, handler, constructor or
 * middleware on its way to the exception filters. It is the only place that sees them all, and only
 * them: an error that an interceptor turned into a value never gets here. The listener is the same
 * for every application of the process (it looks the request up), so it is set once.
 */
export function listenToExceptions(listener: ExceptionListener, filterBegun: FilterListener): void {
  const prototype = ExceptionsHandler.prototype as ExceptionsHandler & { [LISTENER]?: true };
  if (prototype[LISTENER]) return;
  const { next, setCustomFilters } = prototype;
  prototype.next = function (this: ExceptionsHandler, exception: Error, host: ArgumentsHost) {
    listener(exception, host, (answered) => next.call(this, answered as Error, host));
  };
  prototype.setCustomFilters = function (this: ExceptionsHandler, filters) {
    // Nest does not wait for an async filter, nor say that there is one.
    const told = filters.map((filter) => ({
      ...filter,
      func: (exception: unknown, host: ArgumentsHost) => {
        const result: unknown = filter.func(exception, host);
        if (result instanceof Promise) filterBegun(result, host);
        return result;
      },
    }));
    setCustomFilters.call(this, told);
  };
  prototype[LISTENER] = true;
}

/** The wrappers of everything the injector can build for a request: providers, controllers, enhancers. */
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

/** What a wrapper's constructor, properties and enhancers ask for. */
export function dependenciesOf(wrapper: InstanceWrapper): InstanceWrapper[] {
  const all = [
    ...(wrapper.getCtorMetadata() ?? []),
    ...(wrapper.getPropertiesMetadata() ?? []).map((property) => property.wrapper),
    ...(wrapper.getEnhancersMetadata() ?? []),
  ];
  // Entries are missing for optional dependencies that nobody provides.
  return all.filter((dependency) => dependency instanceof InstanceWrapper);
}

/** What a factory's `inject` array asks for, by position; `undefined` where an optional dependency has no provider. */
export function dependenciesAt(wrapper: InstanceWrapper): readonly (InstanceWrapper | undefined)[] {
  const found = wrapper.getCtorMetadata() ?? [];
  return Array.from({ length: wrapper.inject?.length ?? 0 }, (_, index) => found[index]);
}

/** Whether the wrapper's instances are built for one request and belong to nobody else. */
export function isPerRequest(wrapper: InstanceWrapper): boolean {
  return (!wrapper.isDependencyTreeStatic() && !wrapper.isDependencyTreeDurable()) || wrapper.isTransient;
}

/** Whether the injector constructs it from a class, so that it owns the instance. */
export function isConstructed(wrapper: InstanceWrapper): boolean {
  return !wrapper.isNotMetatype && !wrapper.isAlias && typeof wrapper.metatype === 'function';
}

/** Finds what `REQUEST` is in a context, without creating anything. */
export function requestLookup(modules: ModulesContainer): (contextId: ContextId) => unknown {
  const wrapper = [...modules.values()]
    .map((module) => module.providers.get(REQUEST))
    .find((found) => found !== undefined);
  return (contextId) => wrapper?.getExistingInstancesByContextId(contextId)[0]?.instance;
}

/**
 * Puts a module before all others in the shutdown hooks and after them in the start-up hooks.
 * Nest orders modules by their distance from the root, global ones farthest.
 */
export function closeFirst(module: Module): void {
  module.distance = -1;
}

/** Finds the provider that a class in `module` would be injected for a token: the module's own, else an import's export. */
export function visibleProvider(module: Module, token: InjectionToken): InstanceWrapper | undefined {
  const found = module.providers.get(token) ?? exportedProvider(module.imports, token, new Set());
  return found?.isAlias ? visibleProvider(found.host!, found.inject![0] as InjectionToken) : found;
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

/** Resolves a provider in a context, as the injector would for a constructor of its own module. */
export function resolveInContext(wrapper: InstanceWrapper, contextId: ContextId): Promise<unknown> {
  const moduleRef = wrapper.host!.getProviderByKey(ModuleRef).instance;
  return moduleRef.resolve(wrapper.token as Type, contextId, { strict: true });
}

/** The injector's context for an HTTP request; Nest's own if the request has one, else one that Nest will use from now on. */
export function contextIdOf(request: object, moduleRef: ModuleRef): ContextId {
  const contextId = ContextIdFactory.getByRequest(request as never);
  if (!(REQUEST_CONTEXT_ID in request)) {
    Object.defineProperty(request, REQUEST_CONTEXT_ID, { value: contextId });
    moduleRef.registerRequestByContextId(request, contextId);
  }
  return contextId;
}

/** A parameter of a route handler that carries a decorator. */
export interface HandlerParameter {
  /** The factory of a `createParamDecorator` decorator. */
  readonly factory?: unknown;
  /** What that decorator was given. */
  readonly data?: unknown;
}

/** A route handler as its controller declares it. */
export interface DeclaredHandler {
  readonly module: Module;
  readonly controller: Type;
  readonly method: string;
  readonly parameters: readonly HandlerParameter[];
}

/** The methods of all controllers that have decorated parameters. */
export function* handlersOf(modules: ModulesContainer): Generator<DeclaredHandler> {
  const scanner = new MetadataScanner();
  for (const module of modules.values()) {
    for (const { metatype } of module.controllers.values()) {
      const controller = metatype as Type;
      for (const method of scanner.getAllMethodNames(controller.prototype as object)) {
        const parameters = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) as
          Record<string, HandlerParameter> | undefined;
        if (parameters) yield { module, controller, method, parameters: Object.values(parameters) };
      }
    }
  }
}

const UNHELD = 'nestjs-background-tasks:unheld';

/** Marks the methods whose response Nest does not send (`@Res()`, `@Next()`); Nest copies the mark to their route handlers. */
export function markUnheldHandlers(modules: ModulesContainer): void {
  for (const { controller, method } of handlersOf(modules)) {
    const keys = Object.keys(Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) as object);
    const takesResponse = keys.some(
      (key) => key.startsWith(`${RouteParamtypes.RESPONSE}:`) || key.startsWith(`${RouteParamtypes.NEXT}:`),
    );
    if (!takesResponse || Reflect.getMetadata(RESPONSE_PASSTHROUGH_METADATA, controller, method)) continue;
    Reflect.defineMetadata(UNHELD, true, (controller.prototype as Record<string, object>)[method]!);
  }
}

/** Whether the response of a route handler is sent through the adapter's `reply`, so that it can be held back. */
export function isHeldRoute(routeHandler: object): boolean {
  return !Reflect.getMetadata(UNHELD, routeHandler) && !Reflect.getMetadata(SSE_METADATA, routeHandler);
}
