import type { ArgumentsHost, InjectionToken } from '@nestjs/common';
import { ScopeClosedError } from '../errors.js';
import type { RequestScope } from '../scope/request-scope.js';
import type { RequestScopes } from '../scope/request-scopes.js';
import { attachScopeSource, type ScopeSource, scopeSourceOf } from '../scope/scope-source.js';
import type { Ambient } from '../tasks/ambient.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { isAborted, onResponseEnd, type RawRequest, type RawResponse } from './response-end.js';
import type { StalledResponses } from './stalled-responses.js';

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
export class HttpExchange implements Ambient, ScopeSource {
  /** What stands in for BackgroundTasks where a test has overridden it. */
  tasksOverride: BackgroundTasks | undefined;
  /** Whether Nest sends the response through the adapter, where it can be held back. */
  isHeld = true;
  readonly task = undefined;
  #scope: RequestScope | undefined;
  #route: PromiseLike<unknown> | undefined;
  #unsettledRoutes = 0;
  #isRouteSettled = false;
  #isResponseOver = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly request: RawRequest,
    private readonly response: RawResponse,
    readonly environment: ExchangeEnvironment,
  ) {}

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

  /** Notes a route that has begun, whether or not anything of ours has been touched by then. */
  routeBegun(route: PromiseLike<unknown>): void {
    if (this.#scope) this.#awaitRoute(route);
    else this.#route = this.#route ? Promise.allSettled([this.#route, route]) : route;
  }

  /** Needed where code may touch this request long after it is over, without having done so before. */
  noteWhenSettled(route: PromiseLike<unknown>): void {
    const settled = () => (this.#isRouteSettled = true);
    route.then(settled, settled);
  }

  /** Takes an error on its way to the exception filters, and lets resources see it first. */
  failed(error: unknown, host: ArgumentsHost, answer: (error: unknown) => void): void {
    this.#failure ??= { error };
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
      .finally(this.#routeSettled);
  }

  #open(): RequestScope {
    const { request, response, environment } = this;
    if (this.#isRouteSettled && (response.writableFinished || response.destroyed)) {
      throw new ScopeClosedError('BackgroundTasks');
    }
    const scope = environment.scopes.create(() => this.isHeld && !response.headersSent);
    this.#scope = scope;
    if (this.#failure) void scope.fail(this.#failure.error);
    if (this.#route) this.#awaitRoute(this.#route);
    this.#route = undefined;
    onResponseEnd(request, response, () => this.#responseOver());
    return scope;
  }

  #awaitRoute(route: PromiseLike<unknown>): void {
    this.#unsettledRoutes++;
    route.then(this.#routeSettled, this.#routeSettled);
  }

  readonly #routeSettled = (): void => {
    this.#unsettledRoutes--;
    if (this.#unsettledRoutes > 0) return;
    this.#exitLate();
    if (this.#isResponseOver) this.#end(isAborted(this.request, this.response));
    else this.environment.stalledResponses.watch(this.response, () => this.#end(false));
  };

  #responseOver(): void {
    if (this.#isResponseOver) return;
    this.#isResponseOver = true;
    this.environment.stalledResponses.forget(this.response);
    if (this.#unsettledRoutes === 0) this.#end(isAborted(this.request, this.response));
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
    const { statusCode } = this.response;
    this.#scope!.end(this.response.headersSent ? { statusCode, aborted } : { aborted });
  }
}

/** The exchange of a request, Node's own or the framework's wrapping of it. */
export function exchangeOf(request: unknown): HttpExchange | undefined {
  const source = scopeSourceOf(request);
  return source instanceof HttpExchange ? source : undefined;
}

/** The exchange of a request, begun if nothing has yet. */
export function beginExchange(request: RawRequest, response: RawResponse, environment: ExchangeEnvironment): HttpExchange {
  const known = exchangeOf(request);
  if (known && known.environment === environment) return known;
  const exchange = new HttpExchange(request, response, environment);
  attachScopeSource(request, exchange);
  return exchange;
}

/** Hands an error on as the framework does with a handler that rejects. */
function forward(host: ArgumentsHost, error: unknown): void {
  const [, response, next] = host.getArgs<[unknown, { send?(error: unknown): void }, ((error: unknown) => void) | undefined]>();
  if (typeof next === 'function') next(error);
  else response.send?.(error);
}
