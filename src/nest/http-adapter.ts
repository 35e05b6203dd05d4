import { RequestMethod } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { Server } from 'node:http';
import { settleWithConnection } from './fastify-reply.js';
import { isSentByNest } from './handlers.js';
import type { RawRequest, RawResponse } from './raw-http.js';
import { assertMethods } from './supported-nest.js';

/** Functions that the adapter calls from then on. */
export interface AdapterHooks {
  /** Whether the exchange of a request has to begin with its first event on Fastify, too. */
  readonly usesAsyncContext: boolean;
  /**
   * Called with every request of Nest's own server before the framework has it: on Express always, on Fastify if
   * `usesAsyncContext`.
   */
  received(request: RawRequest, response: RawResponse): void;
  /** Calls `next`, which handles the request, in the context of the request. It may come from any server. */
  enter<T>(request: RawRequest, response: RawResponse, next: () => T): T;
  /** Begins the exchange of a request, if it has not begun. */
  begin(request: RawRequest, response: RawResponse): unknown;
  /** Returns the function to register in place of a route handler. Unknown routes have one without a pattern. */
  wrapRoute(handler: HttpHandler, isSentByNest: boolean, pattern: string | undefined): HttpHandler;
  /** Returns the function to register in place of a middleware. */
  wrapMiddleware(middleware: HttpHandler): HttpHandler;
  /** Called before the result of a handler is sent. The adapter waits for what it returns. */
  beforeSending(request: RawRequest, body: unknown): Promise<void> | undefined;
}

/** A route handler or a middleware, as the adapter calls it. */
export type HttpHandler = (
  this: unknown,
  request: Framed<RawRequest>,
  response: Framed<RawResponse>,
  next?: unknown,
) => unknown;

/** Node's object, or what Fastify wraps around it. */
export type Framed<T> = T & { readonly raw?: T };

/**
 * Replaces the methods that Nest calls on its HTTP adapter. Those that register routes and middleware show when a
 * route has settled. Those that send a result are the only moment after all interceptors and before the first byte.
 *
 * @throws UNSUPPORTED_NEST
 */
export function hookAdapter(adapter: AbstractHttpAdapter, hooks: AdapterHooks): void {
  assertMethods(adapter, adapter.constructor.name, REPLACED_METHODS);
  const isOnExpress = isExpress(adapter);
  // On Express also because adding our property to a request is cheapest before Express changes its prototype: after
  // that, V8 gives each request hidden classes of its own, which takes 3 µs and a kilobyte of memory (Node 20).
  if (isOnExpress || hooks.usesAsyncContext) {
    (adapter.getHttpServer() as Server).prependListener('request', (request, response) =>
      hooks.received(request, response),
    );
  }
  if (hooks.usesAsyncContext) enterFirst(adapter, hooks, isOnExpress);
  const methods = adapter as unknown as Record<string, AdapterMethod>;
  for (const name of ROUTE_METHODS) {
    const register = methods[name]!;
    methods[name] = function (...args) {
      const pattern = args.length > 1 ? String(args[0]) : undefined;
      const handler = args.at(-1);
      if (typeof handler === 'function') {
        args[args.length - 1] = wrapRoute(handler as HttpHandler, hooks, isOnExpress, pattern);
      }
      return register.apply(this, args);
    };
  }
  // Unknown routes.
  const setNotFoundHandler = methods.setNotFoundHandler!;
  methods.setNotFoundHandler = function (handler, ...rest) {
    return setNotFoundHandler.call(this, wrapRoute(handler as HttpHandler, hooks, isOnExpress), ...rest);
  };
  // Broken bodies and errors of middleware.
  const setErrorHandler = methods.setErrorHandler!;
  methods.setErrorHandler = function (handler, ...rest) {
    return setErrorHandler.call(this, wrapErrorHandler(handler as ErrorHandler, hooks, isOnExpress), ...rest);
  };
  const createMiddlewareFactory = methods.createMiddlewareFactory!;
  methods.createMiddlewareFactory = async function (...args) {
    const mount = (await createMiddlewareFactory.apply(this, args)) as (path: string, to: HttpHandler) => unknown;
    return (path: string, middleware: HttpHandler) => mount(path, hooks.wrapMiddleware(middleware));
  };
  for (const name of SEND_METHODS) {
    const send = methods[name]!;
    methods[name] = function (response, body, detail) {
      const waited = hooks.beforeSending(unframe(response as Framed<RawResponse>, isOnExpress).req, body);
      return waited
        ? waited.then(() => send.call(this, response, body, detail))
        : send.call(this, response, body, detail);
    };
  }
}

/**
 * Enters requests in the hook that the adapter calls before all middleware: the server of a request may be one that
 * Nest did not make, or none (`inject()`). There is one such hook, which the application may set at any time.
 */
function enterFirst(adapter: AbstractHttpAdapter, hooks: AdapterHooks, isOnExpress: boolean): void {
  const setOnRequestHook = adapter.setOnRequestHook.bind(adapter);
  const set = (given: RequestHook | undefined) => {
    const entering: RequestHook = (request, response, done) =>
      hooks.enter(unframe(request, isOnExpress), unframe(response, isOnExpress), () =>
        given ? given.call(adapter, request, response, done) : done(),
      );
    setOnRequestHook(entering);
  };
  adapter.setOnRequestHook = set as typeof adapter.setOnRequestHook;
  set((adapter as { readonly onRequestHook?: RequestHook }).onRequestHook);
}

type RequestHook = (
  this: AbstractHttpAdapter,
  request: Framed<RawRequest>,
  response: Framed<RawResponse>,
  done: (error?: unknown) => void,
) => unknown;

export function isExpress(adapter: AbstractHttpAdapter): boolean {
  return adapter.getType() === 'express';
}

/** Returns Node's own request or response. */
export function unframe<T extends object>(framed: Framed<T>, isOnExpress: boolean): T {
  // Express wraps nothing, and reading a missing property of its objects costs half a microsecond.
  return isOnExpress ? framed : (framed.raw ?? framed);
}

type AdapterMethod = (this: AbstractHttpAdapter, ...args: unknown[]) => unknown;

/** The adapter's method for each verb that Nest routes. */
const ROUTE_METHODS = Object.keys(RequestMethod)
  .filter((key) => Number.isNaN(Number(key)))
  .map((verb) => verb.toLowerCase());

const SEND_METHODS = ['reply', 'render', 'redirect'];

const REPLACED_METHODS = [
  ...ROUTE_METHODS,
  'setNotFoundHandler',
  'setErrorHandler',
  'setOnRequestHook',
  'createMiddlewareFactory',
  ...SEND_METHODS,
];

function wrapRoute(handler: HttpHandler, hooks: AdapterHooks, isOnExpress: boolean, pattern?: string): HttpHandler {
  const wrapped = hooks.wrapRoute(handler, isSentByNest(handler), pattern);
  const route: HttpHandler = isOnExpress
    ? wrapped
    : function (request, reply, next) {
        settleWithConnection(reply, unframe(request, false), unframe(reply, false));
        return wrapped.call(this, request, reply, next);
      };
  copyRouteTraits(handler, route);
  return route;
}

/** Express knows an error handler by its four parameters. */
function wrapErrorHandler(handler: ErrorHandler, hooks: AdapterHooks, isOnExpress: boolean): ErrorHandler {
  return (error, request, response, next) => {
    hooks.begin(unframe(request, isOnExpress), unframe(response, isOnExpress));
    return handler(error, request, response, next);
  };
}

type ErrorHandler = (error: unknown, ...request: Parameters<HttpHandler>) => unknown;

/** Gives a wrapped route handler what the adapters read from the original: metadata and the version. */
function copyRouteTraits(from: object, to: object): void {
  Object.assign(to, from);
  for (const key of Reflect.getMetadataKeys(from) as unknown[])
    Reflect.defineMetadata(key, Reflect.getMetadata(key, from), to);
  Object.defineProperty(to, 'name', { value: (from as { name?: string }).name, configurable: true });
}
