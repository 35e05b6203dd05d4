import type { InjectionToken, OptionalFactoryDependency } from '@nestjs/common';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { Transaction } from '../contracts/transaction.js';

/** A dependency that a factory can name. */
export type ResourceDependency = InjectionToken | OptionalFactoryDependency;

/** The type that a token stands for, which only a class tells. `Unknown` is the type for a string or a symbol. */
export type ResourceValue<Token, Unknown = unknown> = Token extends abstract new (...args: never) => infer Value
  ? Value
  : Unknown;

/** The values that an `inject` array stands for, in its order. `Unknown` is as in `ResourceValue`. */
export type InjectedValues<
  Inject extends readonly ResourceDependency[],
  Unknown = never,
> = number extends Inject['length']
  ? // Only a tuple tells the number and the order.
    never[]
  : { -readonly [Index in keyof Inject]: InjectedValue<Inject[Index], Unknown> };

type InjectedValue<Dependency, Unknown> = Dependency extends {
  readonly token: infer Token;
  readonly optional: infer Optional;
}
  ? ResourceValue<Token, Unknown> | (Optional extends false ? never : undefined)
  : ResourceValue<Dependency, Unknown>;

type AnyGenerator<T> = AsyncGenerator<T, void, void> | Generator<T, void, void>;

interface ResourceProviderBase<Token extends InjectionToken, Inject extends readonly ResourceDependency[]> {
  /** The token that constructors and `@Resource(token)` ask for. */
  readonly provide: Token;
  /** Tokens of the factory's arguments, in this order. */
  readonly inject?: Inject;
  /**
   * The moment at which the resource is given back. @default 'after-tasks', when the tasks of the request have ended.
   * `'before-response'` does it before the first byte, so that a failed commit decides the status. Tasks cannot use
   * the resource then.
   */
  readonly release?: 'before-response' | 'after-tasks';
}

interface WithTransaction<T> {
  /**
   * Gives the open transaction that a `'before-response'` resource stands for. What its request enqueues is inserted
   * in it just before the resource exits: the commit and the tasks are one thing. The backend must be BullMQ on the
   * same PostgreSQL. Where a request has several such resources, the one that exits last.
   */
  transaction?(this: void, value: T): Transaction;
}

/** A resource whose generator yields the value once: acquire before the `yield`, release after it. */
export interface GeneratorResourceProvider<
  T,
  Token extends InjectionToken = InjectionToken,
  Inject extends readonly ResourceDependency[] = readonly ResourceDependency[],
  Params extends unknown[] = InjectedValues<Inject>,
>
  extends ResourceProviderBase<Token, Inject>, WithTransaction<T> {
  useFactory(this: void, ...dependencies: Params): AnyGenerator<T>;
  readonly dispose?: never;
}

/** A resource whose factory returns the value, with a function that gives it back. */
export interface DisposableResourceProvider<
  T,
  Token extends InjectionToken = InjectionToken,
  Inject extends readonly ResourceDependency[] = readonly ResourceDependency[],
  Params extends unknown[] = InjectedValues<Inject>,
>
  extends ResourceProviderBase<Token, Inject>, WithTransaction<T> {
  useFactory(this: void, ...dependencies: Params): T | Promise<T>;
  /** Gives the value back. `outcome.error` is what the handler threw, if it did. */
  readonly dispose: T extends AnyGenerator<unknown> ? never : (value: T, outcome: TaskOutcome) => unknown;
}

/**
 * A resource whose factory takes what is injected. It may take less. For one that takes something else, the compiler's
 * message names what is injected.
 */
export type ResourceProvider<
  T,
  Token extends InjectionToken,
  Inject extends readonly ResourceDependency[],
  Params extends unknown[],
> = ((...params: Params) => void) extends (...injected: InjectedValues<Inject>) => void
  ? GeneratorResourceProvider<T, Token, Inject, Params> | DisposableResourceProvider<T, Token, Inject, Params>
  : WrongParameters<Token, Inject>;

interface WrongParameters<
  Token extends InjectionToken,
  Inject extends readonly ResourceDependency[],
> extends ResourceProviderBase<Token, Inject> {
  readonly useFactory: FactoryThatTakes<InjectedValues<Inject, unknown>>;
  readonly dispose?: unknown;
  readonly transaction?: unknown;
}

/** Stands in an error message of the compiler. */
export interface FactoryThatTakes<Injected extends unknown[]> {
  readonly [injected]: Injected;
}
declare const injected: unique symbol;
