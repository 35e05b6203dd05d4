import { isInstance, safely } from '../errors/safely.js';
import type { HttpExchange } from '../http/http-exchange.js';
import { attachScopeSource } from '../scope/scope-source.js';
import { GraphQLOperation, type OperationResult } from './graphql-operation.js';

/** Key under which a context of GraphQL names its request. Apollo and Mercurius hand it on to each operation of a batch. */
const REQUEST = Symbol('nestjs-background-tasks:graphql-request');

/**
 * The operations of one HTTP request. Until one of them uses something of this package there is no exchange, and nothing
 * to settle. From then on it keeps the exchange from its end until all operations have ended.
 */
export class GraphQLRequest {
  /** By their contexts. */
  #operations: Map<object, GraphQLOperation> | undefined;
  /** That of an operation that has used nothing of this package. */
  #failure: { readonly error: unknown } | undefined;
  #exchange: HttpExchange | undefined;
  #answered: (() => void) | undefined;

  constructor(private readonly begin: () => HttpExchange) {}

  /** Marks the object through which it is found: a context of GraphQL, or the request of the framework. */
  attachTo(marked: object): void {
    (marked as { [REQUEST]?: GraphQLRequest })[REQUEST] = this;
  }

  /** Marks a context, so that whoever asks finds its operation. */
  attachToContext(context: object): void {
    this.attachTo(context);
    attachScopeSource(context, (marked, args) => this.operation(marked, args));
  }

  /** Finds the operation of a context, or begins it. */
  operation(context: object, args?: readonly unknown[]): GraphQLOperation {
    const operations = (this.#operations ??= new Map<object, GraphQLOperation>());
    let operation = operations.get(context);
    if (!operation) {
      operation = new GraphQLOperation(this.#begun, context);
      operations.set(context, operation);
    }
    if (args) operation.nameAfter(infoOf(args, context));
    return operation;
  }

  /** Whether something of this package is in use. */
  get hasBegun(): boolean {
    return this.#exchange !== undefined;
  }

  /** Takes the result of an operation. One that has used nothing of this package matters if it failed. */
  ended(context: object, result: OperationResult): void {
    const failure = failureOf(result);
    const operation = this.#operations?.get(context);
    if (operation) operation.ended(failure);
    else this.#failure ??= failure;
  }

  /** Takes the results of all operations. `indexOf` tells the place of a context's operation among them. */
  allEnded(results: readonly OperationResult[], indexOf: (context: object) => number): void {
    for (const [context, operation] of this.#operations ?? []) {
      const result = results[indexOf(context)];
      if (result) operation.ended(failureOf(result));
    }
    this.#failure ??= results.map(failureOf).find((failure) => failure !== undefined);
  }

  /**
   * Called when all operations have ended, and before the response is sent. Resources exit, and named tasks are handed
   * over. Rejects with what a resource or the backend threw in place of the results.
   */
  async settle(): Promise<void> {
    const exchange = this.#exchange;
    if (!exchange) return;
    const operations = [...this.#operations!.values()];
    for (const operation of operations) operation.settle();
    const failure = operations.find((operation) => operation.failure)?.failure ?? this.#failure;
    try {
      if (!failure) return await exchange.beforeSending(undefined);
      const answered = (await exchange.markFailed(failure.error)) ?? failure;
      if (!Object.is(answered.error, failure.error)) throw answered.error;
    } catch (error) {
      void exchange.markFailed(error);
      for (const operation of operations) operation.fail(error);
      throw error;
    } finally {
      this.#answered!();
    }
  }

  get #begun(): HttpExchange {
    if (this.#exchange) return this.#exchange;
    const exchange = (this.#exchange = this.begin());
    exchange.callRoute(() => new Promise<void>((resolve) => (this.#answered = resolve)));
    // The answer may leave without having been settled: another plugin has failed.
    exchange.response?.on('finish', this.#answered!);
    return exchange;
  }
}

/** Finds the request of a context of GraphQL, or of the framework's request. */
export function graphqlRequestOf(marked: unknown): GraphQLRequest | undefined {
  if (typeof marked !== 'object' || marked === null) return undefined;
  return safely(() => (marked as { readonly [REQUEST]?: GraphQLRequest })[REQUEST], undefined);
}

/** Finds what GraphQL tells a resolver of its field, which stands behind the context. A client may name its members, too. */
export function infoOf(args: readonly unknown[], context: object): ResolverInfo | undefined {
  return args[args.lastIndexOf(context) + 1] as ResolverInfo | undefined;
}

/** Facts that GraphQL gives a resolver. */
export interface ResolverInfo {
  readonly fieldName: string;
  readonly operation: { readonly operation: string; readonly name?: { readonly value: string } };
  readonly path: { readonly prev?: unknown };
}

/** An operation fails when it has no data, or a root field threw. */
function failureOf({ data, errors }: OperationResult): { readonly error: unknown } | undefined {
  const hasData = data !== null && data !== undefined;
  const cause = hasData ? errors?.find(({ path }) => path?.length === 1) : errors?.[0];
  // Mercurius has made a plain object of it.
  return cause && { error: cause.originalError ?? (isInstance(cause, Error) ? cause : new Error(cause.message)) };
}
