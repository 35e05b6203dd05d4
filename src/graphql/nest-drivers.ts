import type { AbstractGraphQLDriver } from '@nestjs/graphql';
import type { Framed } from '../nest/http-adapter.js';
import type { RawRequest, RawResponse } from '../nest/raw-http.js';
import type { OperationResult } from './graphql-operation.js';

/** Functions that a driver calls from then on. */
export interface DriverHooks {
  /** Makes the context of an HTTP request, by calling `make`. */
  begun(request: Framed<RawRequest>, response: Framed<RawResponse>, make: () => unknown): unknown;
  /** Takes the result of an operation. */
  ended(context: object, result: OperationResult): void;
  /** Takes the results of all operations of a request. `indexOf` tells the place of a context's operation among them. */
  allEnded(request: object, results: readonly OperationResult[], indexOf: (context: object) => number): void;
  /**
   * Called with the context or the request before the response is sent. Returns what that has to wait for, if anything. It
   * resolves with another answer, if there is one.
   */
  settle(marked: unknown): Promise<Answer | undefined> | undefined;
}

/** An answer in place of the results. */
export interface Answer {
  readonly statusCode: number;
  readonly body: { readonly errors: readonly object[] };
}

/** Replaces the methods of a driver that make its options and start its server. Called before it starts. */
export function hookDriver(driver: AbstractGraphQLDriver, hooks: DriverHooks): void {
  const isApollo = 'registerExpress' in driver;
  const mergeDefaultOptions = driver.mergeDefaultOptions.bind(driver);
  driver.mergeDefaultOptions = async (...args) => {
    const options = (await mergeDefaultOptions(...args)) as Options;
    const context = makeContext(options.context, hooks);
    return { ...options, context, ...(isApollo ? apolloOptions(options, hooks) : mercuriusOptions(options, hooks)) };
  };
  if (!isApollo) return;
  const start = driver.start.bind(driver);
  driver.start = async (options) => {
    await start(options);
    hookServer((driver as unknown as { readonly instance: ApolloServer }).instance, hooks);
  };
}

type Options = ApolloOptions & MercuriusOptions & { readonly context: Context };

/** Apollo calls it with both objects of Express in one, and with those of Fastify; a WebSocket with neither. */
type Context = (...args: unknown[]) => unknown;

function makeContext(make: Context, hooks: DriverHooks): Context {
  return (...args) => {
    const [first, second] = args as [Framed<RawRequest> & { req?: RawRequest; res?: RawResponse }, unknown];
    if (first.req && first.res) return hooks.begun(first.req, first.res, () => make(...args));
    const isFastify = first.raw && typeof second === 'object' && second !== null && 'raw' in second;
    return isFastify ? hooks.begun(first, second as Framed<RawResponse>, () => make(...args)) : make(...args);
  };
}

function apolloOptions({ plugins = [] }: ApolloOptions, hooks: DriverHooks): ApolloOptions {
  const willSendResponse = async ({ contextValue, errors, response: { body } }: ApolloResult) => {
    const { data, errors: formatted } = body.singleResult ?? body.initialResult ?? {};
    hooks.ended(contextValue, { data, errors: errors ?? formatted });
  };
  return { plugins: [...plugins, { requestDidStart: async () => ({ willSendResponse }) }] };
}

interface ApolloOptions {
  readonly plugins?: readonly unknown[];
}

interface ApolloResult {
  readonly contextValue: object;
  /** With what the resolvers threw; those of the body are as the client sees them. */
  readonly errors?: OperationResult['errors'];
  readonly response: {
    readonly body: { readonly singleResult?: OperationResult; readonly initialResult?: OperationResult };
  };
}

/** Waits before the response of all operations of an HTTP request: no plugin of Apollo knows when a batch ends. */
function hookServer(server: ApolloServer, hooks: DriverHooks): void {
  const execute = server.executeHTTPGraphQLRequest.bind(server);
  server.executeHTTPGraphQLRequest = async (request) => {
    let context: unknown;
    const response = await execute({ ...request, context: async () => (context = await request.context()) });
    const answer = await hooks.settle(context);
    if (!answer) return response;
    response.headers.delete('content-length');
    response.headers.set('content-type', 'application/json; charset=utf-8');
    return { ...response, status: answer.statusCode, body: { kind: 'complete', string: JSON.stringify(answer.body) } };
  };
}

/** Part of Apollo's server that this file uses. */
interface ApolloServer {
  executeHTTPGraphQLRequest(request: { context(): Promise<unknown> }): Promise<{
    status?: number;
    headers: Map<string, string>;
    body: { kind: string; string?: string };
  }>;
}

function mercuriusOptions({ additionalRouteOptions: route }: MercuriusOptions, hooks: DriverHooks): MercuriusOptions {
  const preSerialization: RouteHook = (request, reply, payload, done) => {
    hooks.allEnded(request, listOf(payload) as OperationResult[], indexInBatch);
    const settling = hooks.settle(request);
    if (!settling) return done(null, payload);
    settling.then((answer) => {
      if (answer) reply.code(answer.statusCode);
      done(null, answer ? answer.body : payload);
    }, done);
  };
  return {
    additionalRouteOptions: { ...route, preSerialization: listOf(route?.preSerialization).concat(preSerialization) },
  };
}

/** Mercurius numbers the contexts of a batch. */
function indexInBatch(context: object): number {
  return (context as { readonly operationId?: number }).operationId ?? 0;
}

interface MercuriusOptions {
  readonly additionalRouteOptions?: { readonly preSerialization?: unknown };
}

type RouteHook = (
  request: object,
  reply: { code(statusCode: number): unknown },
  payload: unknown,
  done: (error: unknown, payload?: unknown) => void,
) => void;

function listOf(given: unknown): unknown[] {
  if (given === undefined || given === null) return [];
  return Array.isArray(given) ? (given as unknown[]) : [given];
}
