import type { ArgumentsHost, ExecutionContext } from '@nestjs/common';
import type { ContextId } from '@nestjs/core';
import type { CompiledResource, ResourceRequest } from '../disposal/compiled-resource.js';
import { UnavailableError } from '../errors/background-tasks-error.js';
import { OutsideScopeError, ScopeClosedError } from '../errors/errors.js';
import type { ListMember } from '../execution/unordered-list.js';
import { forwardError } from '../nest/exceptions.js';
import { contextIdOf } from '../nest/injector.js';
import type { RawRequest, RawResponse } from '../nest/raw-http.js';
import type { RequestScope } from '../scope/request-scope.js';
import { type ScopeSource, scopeSourceOf, type ScopeOrigin } from '../scope/scope-source.js';
import type { AsyncContext } from '../tasks/async-context.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { HttpExchanges } from './http-exchanges.js';
import { onResponseOver } from './response-over.js';
import type { SendSnapshot } from './stalled-responses.js';

/**
 * One request and its response. It opens the scope of the request, and ends it when its tasks may run.
 *
 * - **untouched**: nothing of ours is in use. The exchange costs one small object. It only notes the routes,
 *   middleware and exception filters that begin.
 * - **open**, from `openScope()` on, which the first use of a task or a resource calls: it waits for two things, in
 *   any order. All that has begun has settled, and the response is over: sent, or its connection closed.
 * - **over**, when both have happened: the scope runs the tasks. Two kinds of client would put that off for ever, and
 *   have a time limit: one that stops reading ({@link StalledResponses}), and one that leaves while a middleware has
 *   neither called `next()` nor answered.
 */
export class HttpExchange implements AsyncContext, ListMember, ResourceRequest, ScopeOrigin, ScopeSource {
  listIndex = -1;
  /** Set by {@link StalledResponses}. Most responses are over before. */
  snapshot: SendSnapshot | undefined;
  /** Stands in for BackgroundTasks where a test has overridden it. */
  tasksOverride: BackgroundTasks | undefined;
  /** Whether Nest sends the response through the adapter, which can wait for `beforeSending()`. */
  isSentByNest = true;
  /** The request as the framework passes it to handlers: on Fastify, an object around Node's. */
  framedRequest: object | undefined;
  /** Dropped when the exchange is over: Nest keeps the request, and so this object, longer than that. */
  #response: RawResponse | undefined;
  #scope: RequestScope | undefined;
  /** The routes, async middleware and filters that began while the exchange was untouched. */
  #routes: PromiseLike<unknown>[] | undefined;
  #unsettledRoutes = 0;
  #countedRoutes: number | undefined;
  /** The middleware that has neither called `next()` nor, as far as we know, answered. */
  #undecidedMiddleware = 0;
  #isResponseOver = false;
  #isAborted = false;
  #abortTimer: NodeJS.Timeout | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly rawRequest: RawRequest,
    response: RawResponse,
    readonly exchanges: HttpExchanges,
  ) {
    this.#response = response;
  }

  get task(): undefined {
    return undefined;
  }

  get request(): object {
    return this.framedRequest ?? this.rawRequest;
  }

  get response(): RawResponse | undefined {
    return this.#response;
  }

  get hasClientLeft(): boolean {
    return this.#isAborted;
  }

  get canDelayResponse(): boolean {
    return this.isSentByNest && this.#response?.headersSent === false;
  }

  /** The tasks of this request. @throws SCOPE_CLOSED, SHUTTING_DOWN */
  get tasks(): BackgroundTasks {
    return this.tasksOverride ?? this.openScope().tasks;
  }

  get contextId(): ContextId {
    return contextIdOf(this.request, this.exchanges.moduleRef);
  }

  acquire(resource: CompiledResource, dependencies: readonly unknown[]): unknown {
    return this.openScope().acquire(resource, dependencies);
  }

  openScope(): RequestScope {
    return (this.#scope ??= this.#open());
  }

  /** Notes a route, a middleware or an exception filter that has begun. */
  trackRoute(route: PromiseLike<unknown>): void {
    if (this.#scope) {
      this.#waitFor(route);
      if (!this.isSentByNest) this.#watchClient();
    } else if (this.#routes) this.#routes.push(route);
    else this.#routes = [route];
  }

  /**
   * Notes a middleware that has begun, and returns the `next` for it to call. Until it does, the route may be still to
   * come, even if the client has left.
   */
  trackMiddleware<A extends unknown[], R>(next: (...args: A) => R): (...args: A) => R {
    this.#undecidedMiddleware++;
    let isUndecided = true;
    return (...args) => {
      // The route begins within the call.
      const result = next(...args);
      if (isUndecided) this.#undecidedMiddleware--;
      isUndecided = false;
      this.#endScopeIfOver();
      return result;
    };
  }

  /** Counts a route until it settles. With BackgroundTasksRef, code may first use this request after it is over. */
  countUntilSettled(route: PromiseLike<unknown>): void {
    this.#countedRoutes = (this.#countedRoutes ?? 0) + 1;
    const settled = () => this.#countedRoutes!--;
    route.then(settled, settled);
  }

  /** Called when the handler chain has its result. Returns what the response has to wait for, if anything. */
  beforeSending(): Promise<void> | undefined {
    if (!this.#scope) return undefined;
    // On Fastify the route settles when the result has arrived: a client that stops reading puts that off for ever.
    if (!this.#isResponseOver) this.#watchClient();
    return this.#scope.beforeResponse();
  }

  /** Takes an error on its way to the exception filters. `answer` hands it to them, once resources have seen it. */
  fail(error: unknown, host: ArgumentsHost, answer: (error: unknown) => void): void {
    this.#failure ??= { error };
    if (error instanceof UnavailableError && this.#response?.headersSent === false) {
      this.#response.setHeader('Retry-After', error.retryAfterSeconds);
    }
    const released = this.#scope?.fail(error);
    if (!released) {
      answer(error);
      return;
    }
    // Nest has returned by then, so an error of the filter goes where Nest's own rejection would go.
    this.#unsettledRoutes++;
    void released
      .then(answer)
      .catch((filterError: unknown) => forwardError(host, filterError))
      .finally(() => this.#routeSettled());
  }

  /** Called when the client has stopped reading. */
  stalled(): void {
    this.#endScope(false);
  }

  #open(): RequestScope {
    const { rawRequest, exchanges } = this;
    const response = this.#response!;
    if (this.#countedRoutes === 0 && (response.writableFinished || response.destroyed)) {
      throw new ScopeClosedError('BackgroundTasks');
    }
    const scope = exchanges.scopes.create(this);
    this.#scope = scope;
    if (this.#failure) void scope.fail(this.#failure.error);
    for (const route of this.#routes ?? []) this.#waitFor(route);
    // The handler may write at any time without going through the adapter.
    if (!this.isSentByNest) this.#watchClient();
    this.#routes = undefined;
    onResponseOver(rawRequest, response, (aborted) => this.#responseOver(aborted));
    return scope;
  }

  #waitFor(route: PromiseLike<unknown>): void {
    this.#unsettledRoutes++;
    const settled = () => this.#routeSettled();
    route.then(settled, settled);
  }

  #routeSettled(): void {
    this.#unsettledRoutes--;
    if (this.#unsettledRoutes > 0) return;
    if (this.#undecidedMiddleware === 0) this.#releaseLate();
    if (this.#isResponseOver) this.#endScopeIfOver();
    else this.#watchClient();
  }

  #watchClient(): void {
    if (this.#response) this.exchanges.stalledResponses.watch(this);
  }

  #responseOver(aborted: boolean): void {
    this.#isResponseOver = true;
    this.#isAborted = aborted;
    this.exchanges.stalledResponses.forget(this);
    this.#endScopeIfOver();
  }

  #endScopeIfOver(): void {
    if (!this.#response || !this.#isResponseOver || this.#unsettledRoutes > 0) return;
    if (this.#isAborted && this.#undecidedMiddleware > 0 && !this.#response.headersSent) {
      // It may never call next(), as a proxy that waits for its own upstream.
      const { stalledClientTimeoutMs } = this.exchanges.scopes.engine.options;
      this.#abortTimer ??= setTimeout(() => this.#endScope(true), stalledClientTimeoutMs).unref();
      return;
    }
    this.#endScope(this.#isAborted);
  }

  /** Releases the `'before-response'` resources where the bytes have left without us (`@Res()`, `@Sse()`). */
  #releaseLate(): void {
    const scope = this.#scope!;
    void scope.beforeResponse()?.catch(async (error: unknown) => {
      this.exchanges.scopes.engine.log.deferredExitFailed(error);
      await scope.fail(error);
    });
  }

  #endScope(aborted: boolean): void {
    clearTimeout(this.#abortTimer);
    const response = this.#response;
    if (!response) return;
    this.#response = undefined;
    // A response that was not aborted has sent its headers; asking costs a microsecond on Express.
    this.#scope!.end(!aborted || response.headersSent ? { statusCode: response.statusCode, aborted } : { aborted });
  }
}

/** Finds the exchange of the request that a handler runs for. @throws OUTSIDE_SCOPE, which names `what` */
export function currentExchange(context: ExecutionContext, what: string): HttpExchange {
  const exchange = exchangeOf(context.getArgByIndex(0));
  if (!exchange) throw new OutsideScopeError(what);
  return exchange;
}

/** Finds the exchange of a request, which may be Node's own or the framework's. */
export function exchangeOf(request: unknown): HttpExchange | undefined {
  const source = scopeSourceOf(request);
  return source instanceof HttpExchange ? source : undefined;
}
