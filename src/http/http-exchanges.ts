import { type ArgumentsHost, Injectable } from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import {
  type AdapterHooks,
  type Framed,
  hookAdapter,
  type HttpHandler,
  isExpress,
  unframe,
} from '../nest/http-adapter.js';
import type { RawRequest, RawResponse } from '../nest/raw-http.js';
import { RequestScopes } from '../scope/request-scopes.js';
import { attachScopeSource } from '../scope/scope-source.js';
import { asyncContext } from '../tasks/async-context.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { providedByModule } from '../tasks/registration.js';
import { exchangeOf } from './find-exchange.js';
import { HttpExchange } from './http-exchange.js';
import { OtherServers } from './other-servers.js';
import { StalledResponses } from './stalled-responses.js';

/** Begins an exchange for each request of an application, and passes on to it what the adapter does. */
@Injectable()
export class HttpExchanges implements AdapterHooks {
  readonly stalledResponses: StalledResponses;
  /** Set by `serve()`. */
  otherServers!: OtherServers;
  /** Resolves the BackgroundTasks that a test has put in place of ours; absent if none has. */
  overriddenTasks: ((request: object) => BackgroundTasks | Promise<BackgroundTasks>) | undefined;
  #isOnExpress = false;

  constructor(
    readonly scopes: RequestScopes,
    readonly moduleRef: ModuleRef,
    private readonly adapterHost: HttpAdapterHost,
  ) {
    this.stalledResponses = new StalledResponses(scopes.engine.options.stalledClientTimeoutMs);
  }

  /** Begins exchanges from now on. */
  serve(): void {
    const { httpAdapter } = this.adapterHost;
    this.#isOnExpress = isExpress(httpAdapter);
    this.otherServers = new OtherServers(httpAdapter.getHttpServer() as object);
    hookAdapter(httpAdapter, this);
  }

  /** Whether requests must be found through AsyncLocalStorage, from their first event on. */
  get usesAsyncContext(): boolean {
    return this.scopes.usesRef;
  }

  received(request: RawRequest, response: RawResponse): void {
    const exchange = this.begin(request, response);
    // Everything that handles this event is code of the request: middleware of app.use(), hooks, error handlers.
    if (this.scopes.usesRef) asyncContext.enterWith(exchange);
  }

  enter<T>(request: RawRequest, response: RawResponse, next: () => T): T {
    const exchange = this.begin(request, response);
    return asyncContext.getStore() === exchange ? next() : asyncContext.run(exchange, next);
  }

  /** Finds the exchange of a request, or begins it. */
  begin(request: RawRequest, response: RawResponse): HttpExchange {
    const known = exchangeOf(request);
    if (known?.exchanges === this) return known;
    this.otherServers.begun(request, response);
    const exchange = new HttpExchange(request, response, this);
    attachScopeSource(request, exchange);
    return exchange;
  }

  wrapRoute(handler: HttpHandler, isSentByNest: boolean, pattern: string | undefined): HttpHandler {
    const { overriddenTasks } = this;
    const call = this.scopes.usesRef ? inAsyncContext(handler) : handler;
    const begin = (request: Framed<RawRequest>, response: Framed<RawResponse>) => this.beginFramed(request, response);
    const route: HttpHandler = function (request, response, next) {
      const exchange = begin(request, response);
      exchange.isSentByNest = isSentByNest;
      exchange.routePattern = pattern;
      exchange.framedRequest = request;
      return exchange.callRoute(() => call.call(this, request, response, next));
    };
    if (!overriddenTasks) return route;
    // Only in tests that override BackgroundTasks: the replacement is resolved before the handler runs.
    return async (request, response, next) => {
      begin(request, response).tasksOverride = await overriddenTasks(request);
      return route(request, response, next);
    };
  }

  wrapMiddleware(middleware: HttpHandler): HttpHandler {
    const call = this.scopes.usesRef ? inAsyncContext(middleware) : middleware;
    return (request, response, next) =>
      this.beginFramed(request, response).begun.call(() => call(request, response, next));
  }

  beforeSending(request: RawRequest, body: unknown): Promise<void> | undefined {
    return exchangeOf(request)?.beforeSending(body);
  }

  /** Does the same with the objects of the framework. */
  beginFramed(request: Framed<RawRequest>, response: Framed<RawResponse>): HttpExchange {
    return this.begin(unframe(request, this.#isOnExpress), unframe(response, this.#isOnExpress));
  }
}

providedByModule(HttpExchanges);

/** Passes an error that is about to be answered to its exchange. */
export function onException(error: unknown, host: ArgumentsHost, answer: (error: unknown) => void): void {
  const exchange = exchangeOf(host.getArgByIndex(0));
  if (!exchange) return answer(error);
  // A broken body is noticed in an event of the socket, where the context is another one.
  const inContext = (answered: unknown) => exchange.runInContext(() => answer(answered));
  exchange.fail(error, host, exchange.usesAsyncContext ? inContext : answer);
}

/** Passes an async exception filter that has begun to its exchange. */
export function onFilter(filter: Promise<unknown>, host: ArgumentsHost): void {
  exchangeOf(host.getArgByIndex(0))?.begun.track(filter);
}

/** Calls the handler with its exchange in AsyncLocalStorage, where BackgroundTasksRef finds it. */
function inAsyncContext(handler: HttpHandler): HttpHandler {
  return function (request, response, next) {
    const exchange = exchangeOf(request)!;
    if (asyncContext.getStore() === exchange) return handler.call(this, request, response, next);
    return asyncContext.run(exchange, () => handler.call(this, request, response, next));
  };
}
