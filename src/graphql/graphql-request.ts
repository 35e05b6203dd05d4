import { isInstance, safely } from '../errors/safely.js';
import type { HttpExchange } from '../http/http-exchange.js';
import { attachScopeSource, isMarked, scopeSourceOf } from '../scope/scope-source.js';
import { GraphQLOperation, type OperationResult } from './graphql-operation.js';

/** Key under which a context of GraphQL names its request. Apollo copies it to each operation of a batch. */
const REQUEST = Symbol('nestjs-background-tasks:graphql-request');

/** The operations of one HTTP request. It keeps the exchange from its end until all of them have ended. */
export class GraphQLRequest {
  readonly #operations: GraphQLOperation[] = [];
  #answered!: () => void;

  constructor(private readonly exchange: HttpExchange) {
    exchange.callRoute(() => new Promise<void>((resolve) => (this.#answered = resolve)));
  }

  /** Marks the object through which it is found: a context of GraphQL, or the request of the framework. */
  attachTo(marked: object): void {
    Object.assign(marked, { [REQUEST]: this });
  }

  /** Finds the operation of a context. Begins it, if this is the first field. */
  operation(context: object, info: unknown): GraphQLOperation {
    const known = isMarked(context) ? scopeSourceOf(context) : undefined;
    if (isInstance(known, GraphQLOperation)) return known;
    const operation = new GraphQLOperation(this.exchange, context, nameOf(info));
    attachScopeSource(context, operation);
    this.#operations.push(operation);
    return operation;
  }

  /** Takes the result of an operation. One that has called no resolver of Nest has left nothing to settle. */
  ended(context: object, result: OperationResult): void {
    const operation = isMarked(context) ? scopeSourceOf(context) : undefined;
    if (isInstance(operation, GraphQLOperation)) operation.ended(result);
  }

  /**
   * Called when all operations have ended, and before the response is sent. Resources exit, and named tasks are handed
   * over. Rejects with what a resource or the backend threw in place of the results.
   */
  async settle(): Promise<void> {
    for (const operation of this.#operations) operation.settle();
    const failure = this.#operations.find((operation) => operation.failure)?.failure;
    try {
      if (!failure) return await this.exchange.beforeSending(undefined);
      const answered = (await this.exchange.markFailed(failure.error)) ?? failure;
      if (!Object.is(answered.error, failure.error)) throw answered.error;
    } catch (error) {
      void this.exchange.markFailed(error);
      for (const operation of this.#operations) operation.fail(error);
      throw error;
    }
  }

  /** Called when the response is on its way. */
  answered(): void {
    this.#answered();
  }
}

/** Finds the request of a context of GraphQL, or of the framework's request. */
export function graphqlRequestOf(marked: unknown): GraphQLRequest | undefined {
  if (typeof marked !== 'object' || marked === null) return undefined;
  return safely(() => (marked as { readonly [REQUEST]?: GraphQLRequest })[REQUEST], undefined);
}

/** Describes an operation, by its name or its first field. */
function nameOf(info: unknown): string {
  const { operation, fieldName } = info as {
    readonly operation: { readonly operation: string; readonly name?: { readonly value: string } };
    readonly fieldName: string;
  };
  return `${operation.operation} ${operation.name?.value ?? fieldName}`;
}
