import { type ArgumentsHost, StreamableFile } from '@nestjs/common';
import type { ContextId } from '@nestjs/core';
import type { ScopeKind } from '../contracts/task-events.js';
import type { Failure } from '../disposal/disposables.js';
import { RETRY_AFTER_SECONDS, UnavailableError } from '../errors/background-tasks-error.js';
import { ScopeClosedError } from '../errors/errors.js';
import { isInstance } from '../errors/safely.js';
import type { ListMember } from '../execution/unordered-list.js';
import { forwardError } from '../nest/exceptions.js';
import { bodyOfFile, type StreamedBody } from '../nest/handler-chain.js';
import { contextIdOf } from '../nest/injector.js';
import type { RawRequest, RawResponse } from '../nest/raw-http.js';
import type { RequestScope } from '../scope/request-scope.js';
import { Unit } from '../scope/unit.js';
import { BegunWork } from './begun-work.js';
import type { HttpExchanges } from './http-exchanges.js';
import { onResponseOver } from './response-over.js';
import type { SendSnapshot } from './stalled-responses.js';

/**
 * One request and its response. It opens the scope of the request, and ends it when its tasks may run.
 *
 * - **untouched**: nothing of ours is in use. The exchange costs one small object. It only notes what begins: routes,
 *   handlers, middleware and exception filters.
 * - **open**, from `openScope()` on, which the first use of a task or a resource calls: it waits for two things, in
 *   any order. All that has begun has settled, and the response is over: sent, or its connection closed.
 * - **over**, when both have happened: the scope runs the tasks. Two kinds of client would put that off for ever, and
 *   have a time limit: one that stops reading ({@link StalledResponses}), and one that leaves before a route has begun.
 *
 * A handler may go on after its response has left. Until it has settled, its `'before-response'` resources stay open.
 */
export class HttpExchange extends Unit implements ListMember {
  listIndex = -1;
  /** Set by {@link StalledResponses}. Most responses are over before. */
  snapshot: SendSnapshot | undefined;
  /** Whether Nest sends the response through the adapter, which can wait for `beforeSending()`. */
  isSentByNest = true;
  kind: ScopeKind = 'http';
  /** The pattern of the route, such as `/users/:id`. */
  routePattern: string | undefined;
  /** The request as the framework passes it to handlers: on Fastify, an object around Node's. */
  framedRequest: object | undefined;
  /** Dropped when the exchange is over: Nest keeps the request, and so this object, longer than that. */
  response: RawResponse | undefined;
  /** Whether anything looks for the request through AsyncLocalStorage. */
  readonly usesAsyncContext: boolean;
  readonly begun: BegunWork;
  /** Whether a route, or an error, has come. Until then a middleware may still pass the request on. */
  #isRouted = false;
  #body: StreamedBody | undefined;
  #isResponseOver = false;
  #isAborted = false;
  #abortTimer: NodeJS.Timeout | undefined;
  #failure: Failure | undefined;

  constructor(
    private readonly rawRequest: RawRequest,
    response: RawResponse,
    readonly exchanges: HttpExchanges,
  ) {
    super(exchanges.scopes);
    this.response = response;
    this.usesAsyncContext = exchanges.usesAsyncContext;
    this.begun = new BegunWork(this.usesAsyncContext);
  }

  get method(): string | undefined {
    return this.rawRequest.method;
  }

  get description(): string {
    const { routePattern } = this;
    return routePattern === undefined ? 'a request without a route' : `${this.rawRequest.method} ${routePattern}`;
  }

  get request(): object {
    return this.framedRequest ?? this.rawRequest;
  }

  get hasClientLeft(): boolean {
    return this.#isAborted;
  }

  get canDelayResponse(): boolean {
    return this.isSentByNest && this.response?.headersSent === false;
  }

  get contextId(): ContextId {
    return contextIdOf(this.request, this.exchanges.moduleRef);
  }

  /** Whether the handler, or a piece of the body that it returned, is still to come. */
  get isHandlerRunning(): boolean {
    return this.begun.isHandlerRunning || this.#body?.isReading === true;
  }

  /** Calls a route. Until it returns, the route counts as begun. */
  callRoute(route: () => unknown): unknown {
    this.#isRouted = true;
    if (this.scope && !this.isSentByNest) this.#watchClient();
    return this.begun.call(route);
  }

  trackHandler(handler: PromiseLike<unknown>): void {
    this.begun.trackHandler(handler);
  }

  trackBody(body: StreamedBody): void {
    this.#body = body;
  }

  /** Called when the handler chain has its result. Returns what the response has to wait for, if anything. */
  beforeSending(body: unknown): Promise<void> | undefined {
    if (isInstance(body, StreamableFile)) this.#body ??= bodyOfFile(body);
    if (!this.scope) return undefined;
    // On Fastify the route settles when the result has arrived: a client that stops reading puts that off for ever.
    this.#watchClient();
    return this.begun.isHandlerRunning ? undefined : this.scope.beforeResponse();
  }

  /** Takes note of an error. Returns a promise of the one to answer, if resources have to see it first. */
  markFailed(error: unknown): Promise<Failure> | undefined {
    this.#failure ??= { error };
    this.#isRouted = true;
    if (isInstance(error, UnavailableError) && this.response?.headersSent === false) {
      this.response.setHeader('Retry-After', RETRY_AFTER_SECONDS);
    }
    this.scope?.markFailed(error);
    return this.begun.isHandlerRunning ? undefined : this.scope?.fail(error);
  }

  /** Takes an error on its way to the exception filters. `answer` hands it to them, once resources have seen it. */
  fail(error: unknown, host: ArgumentsHost, answer: (error: unknown) => void): void {
    const released = this.markFailed(error);
    if (!released) {
      answer(error);
      return;
    }
    // Nest has returned by then, so an error of the filter goes where Nest's own rejection would go.
    const answered = released.then((failure) => answer(failure.error));
    this.begun.track(answered.catch((filterError: unknown) => forwardError(host, filterError)));
  }

  /** Called when the client has stopped reading. */
  stalled(): void {
    this.#endScope(false);
  }

  /** Nest and Node may keep the request for two more garbage collections: nothing else should survive with it. */
  override scopeClosed(): void {
    this.scope = this.framedRequest = undefined;
  }

  protected open(what: string): RequestScope {
    const { rawRequest, scopes } = this;
    if (this.isOver) throw new ScopeClosedError(what);
    const response = this.response!;
    const scope = scopes.create(this);
    this.scope = scope;
    if (this.#failure) void scope.fail(this.#failure.error);
    // The handler may write at any time without going through the adapter.
    if (!this.isSentByNest) this.#watchClient();
    this.begun.watch(this);
    onResponseOver(rawRequest, response, this);
    return scope;
  }

  /** Called each time that something which has begun has settled or returned. */
  begunSettled(): void {
    if (!this.response || !this.begun.isSettled) return;
    if (this.#isRouted) this.#releaseLate();
    if (this.#isResponseOver) this.#endScopeIfOver();
    else this.#watchClient();
  }

  get isOver(): boolean {
    const { response } = this;
    if (!response) return true;
    return (response.writableFinished || response.destroyed) && this.begun.hasSettled && !this.isHandlerRunning;
  }

  track(work: Promise<unknown>): void {
    this.begun.track(work);
  }

  #watchClient(): void {
    if (this.response && !this.#isResponseOver) this.exchanges.stalledResponses.watch(this);
  }

  /** Called when the response is over, and perhaps again. */
  responseOver(aborted: boolean): void {
    if (this.#isResponseOver) return;
    this.#isResponseOver = true;
    this.#isAborted = aborted;
    this.exchanges.stalledResponses.forget(this);
    if (this.response && this.scopes.engine.events.responseClosed.isHeard)
      this.scope?.responseClosed(aborted, statusOf(this.response, aborted));
    // Nest does the same, but does not wait.
    if (aborted && this.#body) this.begun.track(this.#body.end().catch(() => undefined));
    this.#endScopeIfOver();
  }

  #endScopeIfOver(): void {
    if (!this.response || !this.#isResponseOver || !this.begun.isSettled) return;
    if (this.#isAborted && !this.#isRouted && !this.response.headersSent) {
      // A middleware may never pass it on, as a proxy that waits for its own upstream.
      const { stalledClientTimeoutMs } = this.scopes.engine.options;
      const giveUp = () => {
        this.#isRouted = true;
        this.#endScopeIfOver();
      };
      this.#abortTimer ??= setTimeout(giveUp, stalledClientTimeoutMs).unref();
      return;
    }
    this.#endScope(this.#isAborted);
  }

  /** Releases the `'before-response'` resources where the response has left without us (`@Res()`, `@Sse()`, 408). */
  #releaseLate(): void {
    const scope = this.scope!;
    const { log } = this.scopes.engine;
    const failed = (error: unknown) => log.deferredExitFailed(error, scope.disposables?.failed, this);
    const failure = this.#failure;
    if (failure) {
      return void scope.fail(failure.error)?.then(({ error }) => {
        if (!Object.is(error, failure.error)) failed(error);
      });
    }
    const exiting = scope.beforeResponse();
    void exiting?.catch(failed);
    void exiting?.catch((error: unknown) => scope.fail(error));
  }

  #endScope(aborted: boolean): void {
    clearTimeout(this.#abortTimer);
    const response = this.response;
    if (!response) return;
    this.response = undefined;
    this.scope!.end(aborted, statusOf(response, aborted));
  }
}

/** A response that was not aborted has sent its headers; asking costs a microsecond on Express. */
function statusOf(response: RawResponse, aborted: boolean): number | undefined {
  return !aborted || response.headersSent ? response.statusCode : undefined;
}
