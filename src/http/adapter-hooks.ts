import { RequestMethod } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { isHeldRoute } from '../nest/nest-internals.js';
import { ambient } from '../tasks/ambient.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { beginExchange, type ExchangeEnvironment, exchangeOf, type HttpExchange } from './http-exchange.js';
import { endWithConnection } from './reply-end.js';
import type { RawRequest, RawResponse } from './response-end.js';

type Handler = (this: unknown, request: Framed<RawRequest>, response: Framed<RawResponse>, next?: unknown) => unknown;
/** Node's object, or Fastify's wrapping of it. */
type Framed<T> = T & { readonly raw?: T };
type AdapterMethod = (this: AbstractHttpAdapter, ...args: unknown[]) => unknown;

/** What the hooks are told about the application. */
export interface HookSettings extends ExchangeEnvironment {
  /** Resolves the BackgroundTasks that a test put in place of ours; absent if none did. */
  readonly overriddenTasks: ((request: object) => BackgroundTasks | Promise<BackgroundTasks>) | undefined;
}

/**
 * Wraps what Nest will call on its HTTP adapter: the registration of routes and middleware, so that
 * we know when a route has settled, and the sending of a result, the only moment that lies after
 * all interceptors and before the first byte.
 */
export function hookAdapter(adapter: AbstractHttpAdapter, settings: HookSettings): void {
  const methods = adapter as unknown as Record<string, AdapterMethod | undefined>;
  for (const verb of routeMethods()) {
    replace(
      methods,
      verb,
      (register) =>
        function (...args) {
          const handler = args.at(-1);
          if (typeof handler === 'function') args[args.length - 1] = wrapRoute(handler as Handler, settings);
          return register.apply(this, args);
        },
    );
  }
  replace(
    methods,
    'createMiddlewareFactory',
    (create) =>
      async function (...args) {
        const mount = (await create.apply(this, args)) as (path: string, middleware: Handler) => unknown;
        return (path: string, middleware: Handler) => mount(path, wrapMiddleware(middleware, settings));
      },
  );
  for (const send of ['reply', 'render', 'redirect']) {
    replace(
      methods,
      send,
      (original) =>
        function (...args) {
          const response = args[0] as Framed<RawResponse>;
          const exchange = exchangeOf((response.raw ?? response).req);
          const sendNow = () => {
            exchange?.sending();
            return original.apply(this, args);
          };
          const held = exchange?.scope?.beforeResponse();
          return held ? held.then(sendNow) : sendNow();
        },
    );
  }
}

function wrapRoute(handler: Handler, settings: HookSettings): Handler {
  const isHeld = isHeldRoute(handler);
  const { overriddenTasks } = settings;
  const { usesRef } = settings.scopes;
  const call = usesRef ? inAmbient(handler) : handler;
  const route: Handler = function (this: unknown, request, response, next) {
    const exchange = exchangeFor(request, response, settings);
    exchange.isHeld = isHeld;
    exchange.framedRequest = request;
    endWithConnection(response, request.raw ?? request, response.raw ?? response);
    const settled = call.call(this, request, response, next);
    if (settled instanceof Promise) {
      exchange.routeBegun(settled);
      if (usesRef) exchange.noteWhenSettled(settled);
    }
    return settled;
  };
  /** Only in tests that override BackgroundTasks: the replacement is resolved before the handler runs. */
  const overriddenRoute: Handler = async (request, response, next) => {
    const exchange = exchangeFor(request, response, settings);
    exchange.tasksOverride = await overriddenTasks!(request);
    return route(request, response, next);
  };
  const wrapped = overriddenTasks ? overriddenRoute : route;
  copyRouteTraits(handler, wrapped);
  return wrapped;
}

/** Calls the handler with its exchange in AsyncLocalStorage, for BackgroundTasksRef to find. */
function inAmbient(handler: Handler): Handler {
  return function (this: unknown, request, response, next) {
    return ambient.run(exchangeOf(request)!, () => handler.call(this, request, response, next));
  };
}

function wrapMiddleware(middleware: Handler, settings: HookSettings): Handler {
  const call = settings.scopes.usesRef ? inAmbient(middleware) : middleware;
  return (request, response, next) => {
    const exchange = exchangeFor(request, response, settings);
    const settled = call(request, response, exchange.middlewareBegun(next as (...args: unknown[]) => unknown));
    if (settled instanceof Promise) exchange.routeBegun(settled);
    return settled;
  };
}

/** Gives a wrapped route handler what the adapters read from the original: metadata and the version. */
function copyRouteTraits(from: object, to: object): void {
  Object.assign(to, from);
  for (const key of Reflect.getMetadataKeys(from) as unknown[]) Reflect.defineMetadata(key, Reflect.getMetadata(key, from), to);
  Object.defineProperty(to, 'name', { value: (from as { name?: string }).name, configurable: true });
}

function exchangeFor(request: Framed<RawRequest>, response: Framed<RawResponse>, settings: HookSettings): HttpExchange {
  return beginExchange(request.raw ?? request, response.raw ?? response, settings);
}

function replace(
  methods: Record<string, AdapterMethod | undefined>,
  name: string,
  wrap: (original: AdapterMethod) => AdapterMethod,
): void {
  const original = methods[name];
  if (typeof original === 'function') methods[name] = wrap(original);
}

/** The adapter's method for each verb that Nest routes. */
function routeMethods(): string[] {
  return Object.keys(RequestMethod)
    .filter((key) => Number.isNaN(Number(key)))
    .map((verb) => verb.toLowerCase());
}
