import type { ArgumentsHost, InjectionToken } from '@nestjs/common';
import { UnavailableError } from '../errors/background-tasks-error.js';
import { ScopeClosedError } from '../errors/errors.js';
import type { RequestScope } from '../scope/request-scope.js';
import type { RequestScopes } from '../scope/request-scopes.js';
import type { ScopeOrigin } from '../scope/scope-origin.js';
import { attachScopeSource, type ScopeSource, scopeSourceOf } from '../scope/scope-source.js';
import type { AsyncContext } from '../tasks/async-context.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { onResponseEnd, type RawRequest, type RawResponse } from './response-end.js';
import type { Look, StalledResponses, Watched } from './stalled-responses.js';

/** What all exchanges of an application share. */
export interface ExchangeEnvironment {
  readonly scopes: RequestScopes;
  readonly stalledResponses: StalledResponses;
  readonly resources: ExchangeResources;
}

/** Acquires what `@Resource(token)` asks for in a controller's handler. */
export interface ExchangeResources {
  acquire(controller: unknown, token: InjectionToken, request: object, exchange: HttpExchange): unknown;
}

/**
 * One request and its response. Costs a small object until something of ours is touched; from then
 * on it watches for the two things that end a request: its route has settled, and its response is over.
 */
export class HttpExchange implements AsyncContext, ScopeOrigin, ScopeSource, Watched {
  listIndex = -1;
  look: Look | undefined;
  /** What stands in for BackgroundTasks where a test has overridden it. */
  tasksOverride: BackgroundTasks | undefined;
  /** Whether Nest sends the response through the adapter, where it can be held back. */
  isHeld = true;
  /** Fastify's wrapping of the request, once there is one. */
  framedRequest: object | undefined;
  /** Gone once the request has ended: Nest's own tables keep the request, and so this, alive through two collections. */
  #response: RawResponse | undefined;
  #scope: RequestScope | undefined;
  #routes: PromiseLike<unknown>[] | undefined;
  #unsettledRoutes = 0;
  #notedRoutes: number | undefined;
  #isResponseOver = false;
  #isAborted = false;
  /** Middleware that has neither passed on nor, as far as we know, answered. */
  #undecidedMiddleware = 0;
  #patience: NodeJS.Timeout | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly rawRequest: RawRequest,
    response: RawResponse,
    readonly environment: ExchangeEnvironment,
  ) {
    this.#response = response;
  }

  get task(): undefined {
    return undefined;
  }

  get request(): object {
    return this.framedRequest ?? this.rawRequest;
  }

  get response(): RawResponse {
    return this.#response!;
  }

  get canHold(): boolean {
    return this.isHeld && this.#response?.headersSent === false;
  }

  /** The queue of this request. @throws SCOPE_CLOSED, SHUTTING_DOWN */
  get tasks(): BackgroundTasks {
    return this.tasksOverride ?? this.openScope().tasks;
  }

  get scope(): RequestScope | undefined {
    return this.#scope;
  }

  openScope(): RequestScope {
    return (this.#scope ??= this.#open());
  }

  /** Notes a route, a middleware or an exception filter that has begun, whether or not anything of ours has been touched by then. */
  routeBegun(route: PromiseLike<unknown>): void {
    if (this.#scope) {
      this.#awaitRoute(route);
      if (!this.isHeld) this.#watchClient();
    } else if (this.#routes) this.#routes.push(route);
    else this.#routes = [route];
  }

  /**
   * Notes a middleware that has begun, and gives it the `next` to call: until then the route may be
   * still to come, though the client has left.
   */
  middlewareBegun<A extends unknown[], R>(next: (...args: A) => R): (...args: A) => R {
    this.#undecidedMiddleware++;
    let isUndecided = true;
    return (...args) => {
      // The route begins within the call.
      const result = next(...args);
      if (isUndecided) this.#undecidedMiddleware--;
      isUndecided = false;
      this.#endIfOver();
      return result;
    };
  }

  /**
   * Notes that the handler chain has ended and its result is on its way. On Fastify the route
   * settles only when that has arrived, which a client that stops reading may put off for ever.
   */
  sending(): void {
    if (this.#scope && !this.#isResponseOver) this.#watchClient();
  }

  /** Needed where code may touch this request long after it is over, without having done so before. */
  noteWhenSettled(route: PromiseLike<unknown>): void {
    this.#notedRoutes = (this.#notedRoutes ?? 0) + 1;
    const settled = () => this.#notedRoutes!--;
    route.then(settled, settled);
  }

  /** Takes an error on its way to the exception filters, and lets resources see it first. */
  failed(error: unknown, host: ArgumentsHost, answer: (error: unknown) => void): void {
    this.#failure ??= { error };
    if (error instanceof UnavailableError && this.#response?.headersSent === false) {
      this.#response.setHeader('Retry-After', error.retryAfterSeconds);
    }
    const exits = this.#scope?.fail(error);
    if (!exits) {
      answer(error);
      return;
    }
    // Nest has returned by the time the filter runs, so what the filter throws goes where Nest's
    // own rejection would have gone.
    this.#unsettledRoutes++;
    void exits
      .then(answer)
      .catch((filterError: unknown) => forward(host, filterError))
      .finally(() => this.#routeSettled());
  }

  /** Its client has stopped reading. */
  stalled = (): void => this.#end(false);

  #open(): RequestScope {
    const { rawRequest, environment } = this;
    const response = this.#response!;
    if (this.#notedRoutes === 0 && (response.writableFinished || response.destroyed)) {
      throw new ScopeClosedError('BackgroundTasks');
    }
    const scope = environment.scopes.create(this);
    this.#scope = scope;
    if (this.#failure) void scope.fail(this.#failure.error);
    for (const route of this.#routes ?? []) this.#awaitRoute(route);
    // It may write for as long as it runs, without ever going through the adapter.
    if (!this.isHeld) this.#watchClient();
    this.#routes = undefined;
    onResponseEnd(rawRequest, response, (aborted) => this.#responseOver(aborted));
    return scope;
  }

  #awaitRoute(route: PromiseLike<unknown>): void {
    this.#unsettledRoutes++;
    const settled = () => this.#routeSettled();
    route.then(settled, settled);
  }

  #routeSettled(): void {
    this.#unsettledRoutes--;
    if (this.#unsettledRoutes > 0) return;
    if (this.#undecidedMiddleware === 0) this.#exitLate();
    if (this.#isResponseOver) this.#endIfOver();
    else this.#watchClient();
  }

  #watchClient(): void {
    this.environment.stalledResponses.watch(this);
  }

  #responseOver(aborted: boolean): void {
    this.#isResponseOver = true;
    this.#isAborted = aborted;
    this.environment.stalledResponses.forget(this);
    this.#endIfOver();
  }

  #endIfOver(): void {
    if (!this.#response || !this.#isResponseOver || this.#unsettledRoutes > 0) return;
    if (this.#isAborted && this.#undecidedMiddleware > 0 && !this.#response.headersSent) {
      // It may never pass on, as a proxy that waits for its own upstream does not.
      const { stalledClientTimeoutMs } = this.environment.scopes.engine.options;
      this.#patience ??= setTimeout(() => this.#end(true), stalledClientTimeoutMs).unref();
      return;
    }
    this.#end(this.#isAborted);
    this.#response = undefined;
  }

  /** Where the bytes left without us (`@Res()`, `@Sse()`), `'before-response'` resources exit now. */
  #exitLate(): void {
    const scope = this.#scope!;
    void scope.beforeResponse()?.catch(async (error: unknown) => {
      this.environment.scopes.engine.log.deferredExitFailed(error);
      await scope.fail(error);
    });
  }

  #end(aborted: boolean): void {
    clearTimeout(this.#patience);
    const response = this.#response;
    if (!response) return;
    // What has finished has sent its headers; to ask costs a microsecond on Express.
    this.#scope!.end(!aborted || response.headersSent ? { statusCode: response.statusCode, aborted } : { aborted });
  }
}

/** The exchange of a request, Node's own or the framework's wrapping of it. */
export function exchangeOf(request: unknown): HttpExchange | undefined {
  const source = scopeSourceOf(request);
  return source instanceof HttpExchange ? source : undefined;
}

/** The exchange of a request, begun if nothing has yet. */
export function beginExchange(
  request: RawRequest,
  response: RawResponse,
  environment: ExchangeEnvironment,
): HttpExchange {
  const known = exchangeOf(request);
  if (known?.environment === environment) return known;
  const exchange = new HttpExchange(request, response, environment);
  attachScopeSource(request, exchange);
  return exchange;
}

/** Hands an error on as the framework does with a handler that rejects. */
function forward(host: ArgumentsHost, error: unknown): void {
  const [, response, next] =
    host.getArgs<[unknown, { send?(error: unknown): void }, ((error: unknown) => void) | undefined]>();
  if (typeof next === 'function') next(error);
  else response.send?.(error);
}
