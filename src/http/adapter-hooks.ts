import { RequestMethod } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { Server } from 'node:http';
import { isHeldRoute } from '../nest/nest-internals.js';
import { asyncContext } from '../tasks/async-context.js';
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

interface Hooks extends HookSettings {
  readonly isExpress: boolean;
}

/**
 * Wraps what Nest will call on its HTTP adapter: the registration of routes and middleware, so that
 * we know when a route has settled, and the sending of a result, the only moment that lies after
 * all interceptors and before the first byte.
 */
export function hookAdapter(adapter: AbstractHttpAdapter, settings: HookSettings): void {
  const isExpress = adapter.getType() === 'express';
  const hooks: Hooks = { ...settings, isExpress };
  if (isExpress) beginEarly(adapter.getHttpServer() as Server, settings);
  const methods = adapter as unknown as Record<string, AdapterMethod | undefined>;
  for (const verb of routeMethods()) {
    replace(
      methods,
      verb,
      (register) =>
        function (...args) {
          const handler = args.at(-1);
          if (typeof handler === 'function') args[args.length - 1] = wrapRoute(handler as Handler, hooks);
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
        return (path: string, middleware: Handler) => mount(path, wrapMiddleware(middleware, hooks));
      },
  );
  for (const send of ['reply', 'render', 'redirect']) {
    replace(
      methods,
      send,
      (original) =>
        function (...args) {
          const response = args[0] as Framed<RawResponse>;
          const exchange = exchangeOf(unframe(response, hooks).req);
          if (!exchange?.scope) return original.apply(this, args);
          const sendNow = () => {
            exchange.sending();
            return original.apply(this, args);
          };
          const held = exchange.scope.beforeResponse();
          return held ? held.then(sendNow) : sendNow();
        },
    );
  }
}

/**
 * Express changes the prototype of every request and response, after which V8 gives each of them
 * hidden classes of its own: a property added to one then takes 3 µs and a kilobyte of the old
 * generation, which it takes next to nothing before (Node 20). So the exchange goes there before.
 */
function beginEarly(server: Server, settings: HookSettings): void {
  server.prependListener('request', (request, response) => void beginExchange(request, response, settings));
}

function wrapRoute(handler: Handler, hooks: Hooks): Handler {
  const isHeld = isHeldRoute(handler);
  const { isExpress, overriddenTasks } = hooks;
  const { usesRef } = hooks.scopes;
  const call = usesRef ? inAmbient(handler) : handler;
  const route: Handler = function (this: unknown, request, response, next) {
    const exchange = exchangeFor(request, response, hooks);
    exchange.isHeld = isHeld;
    exchange.framedRequest = request;
    if (!isExpress) endWithConnection(response, unframe(request, hooks), unframe(response, hooks));
    const settled = call.call(this, request, response, next);
    if (settled instanceof Promise) {
      exchange.routeBegun(settled);
      if (usesRef) exchange.noteWhenSettled(settled);
    }
    return settled;
  };
  /** Only in tests that override BackgroundTasks: the replacement is resolved before the handler runs. */
  const overriddenRoute: Handler = async (request, response, next) => {
    const exchange = exchangeFor(request, response, hooks);
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
    return asyncContext.run(exchangeOf(request)!, () => handler.call(this, request, response, next));
  };
}

function wrapMiddleware(middleware: Handler, hooks: Hooks): Handler {
  const call = hooks.scopes.usesRef ? inAmbient(middleware) : middleware;
  return (request, response, next) => {
    const exchange = exchangeFor(request, response, hooks);
    const settled = call(request, response, exchange.middlewareBegun(next as (...args: unknown[]) => unknown));
    if (settled instanceof Promise) exchange.routeBegun(settled);
    return settled;
  };
}

/** Gives a wrapped route handler what the adapters read from the original: metadata and the version. */
function copyRouteTraits(from: object, to: object): void {
  Object.assign(to, from);
  for (const key of Reflect.getMetadataKeys(from) as unknown[])
    Reflect.defineMetadata(key, Reflect.getMetadata(key, from), to);
  Object.defineProperty(to, 'name', { value: (from as { name?: string }).name, configurable: true });
}

function exchangeFor(request: Framed<RawRequest>, response: Framed<RawResponse>, hooks: Hooks): HttpExchange {
  return beginExchange(unframe(request, hooks), unframe(response, hooks), hooks);
}

function unframe<T extends object>(framed: Framed<T>, { isExpress }: Hooks): T {
  // Express wraps nothing, and to look for what is not there costs half a microsecond on its objects.
  return isExpress ? framed : (framed.raw ?? framed);
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
