import type { ContextId } from '@nestjs/core';
import type { ObservedScope } from '../contracts/task-events.js';
import type { HttpExchange } from '../http/http-exchange.js';
import type { StreamedBody } from '../nest/handler-chain.js';
import { contextIdOf } from '../nest/injector.js';
import type { RequestPart } from '../options/task-options.js';
import type { RequestScope } from '../scope/request-scope.js';
import { ScopedBackgroundTasks } from '../scope/scoped-background-tasks.js';
import { Unit } from '../scope/unit.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { ResolverInfo } from './graphql-request.js';

/**
 * One operation of an HTTP request. It shares the queue and the resources of the request with the other operations of a
 * batch, and fails by itself: its tasks run by its own outcome.
 */
export class GraphQLOperation extends Unit implements RequestPart {
  readonly kind = 'graphql';
  readonly isSentByNest = true;
  #name = 'an operation';
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;
  #tasks: BackgroundTasks | undefined;

  constructor(
    private readonly exchange: HttpExchange,
    /** The context of GraphQL, which Nest injects as `REQUEST`. */
    readonly request: object,
  ) {
    super(exchange.scopes);
  }

  get description(): string {
    return `${this.#name} of ${this.exchange.description}`;
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  override get observed(): ObservedScope | undefined {
    return this.exchange.observed;
  }

  override get tasks(): BackgroundTasks {
    const tasks = () => new ScopedBackgroundTasks(this.openScope('BackgroundTasks'), Object.freeze({ part: this }));
    return this.exchange.tasksOverride ?? (this.#tasks ??= tasks());
  }

  get contextId(): ContextId {
    return contextIdOf(this.request, this.exchange.exchanges.moduleRef, 'req');
  }

  get canDelayResponse(): boolean {
    return this.exchange.canDelayResponse;
  }

  get hasClientLeft(): boolean {
    return this.exchange.hasClientLeft;
  }

  get usesAsyncContext(): boolean {
    return this.exchange.usesAsyncContext;
  }

  get isOver(): boolean {
    return this.exchange.isOver;
  }

  /** The scope is that of the request, which lets go of it when it has closed. */
  override openScope(what: string): RequestScope {
    return this.exchange.openScope(what);
  }

  track(work: Promise<unknown>): void {
    this.exchange.track(work);
  }

  trackHandler(handler: Promise<unknown>): void {
    this.exchange.trackHandler(handler);
  }

  trackBody(body: StreamedBody): void {
    this.exchange.trackBody(body);
  }

  /** Takes its name from the first field that is resolved. */
  nameAfter(info: ResolverInfo | undefined): void {
    if (this.#name !== 'an operation' || !info) return;
    const { fieldName, operation } = info;
    this.#name = `${operation.operation} ${operation.name?.value ?? fieldName}`;
  }

  /** Takes note of an error of a root field, or of one that has left the operation without data. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Takes note of the result, from which the operation may turn out to have failed. */
  ended(failure: { readonly error: unknown } | undefined): void {
    this.#hasEnded = true;
    if (failure) this.fail(failure.error);
  }

  /** Called before the response is sent: an operation without a result has failed. */
  settle(): void {
    if (!this.#hasEnded) this.fail(new Error(`${this.#name} ended without a result`));
  }

  protected open(what: string): RequestScope {
    return this.exchange.openScope(what);
  }
}

/** The result of an operation, as GraphQL specifies it. */
export interface OperationResult {
  readonly data?: unknown;
  readonly errors?: readonly OperationError[] | undefined;
}

interface OperationError {
  readonly message: string;
  readonly path?: readonly unknown[] | undefined;
  /** The error that the resolver threw. */
  readonly originalError?: unknown;
}
