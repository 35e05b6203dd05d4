import type { ContextId, ModuleRef } from '@nestjs/core';
import { Observable, type Observer } from 'rxjs';
import type { ScopeKind } from '../contracts/task-events.js';
import type { Failure } from '../disposal/disposables.js';
import { ScopeClosedError } from '../errors/errors.js';
import { isInstance, isStream } from '../errors/safely.js';
import type { ListMember } from '../execution/unordered-list.js';
import { asyncContext } from '../tasks/async-context.js';
import type { RequestScope } from './request-scope.js';
import type { RequestScopes } from './request-scopes.js';
import { createContext } from './scope-source.js';
import { Unit } from './unit.js';

/** A message, an event or a call, which is no HTTP request, while it is handled. */
export class CalledUnit extends Unit implements ListMember {
  listIndex = -1;
  readonly isSentByNest = true;
  readonly usesAsyncContext = true;
  /** There is no response to hold until there is room for all tasks. */
  readonly canDelayResponse = false;
  #contextId: ContextId | undefined;
  #failure: Failure | undefined;
  #handlers: Promise<unknown>[] | undefined;
  isOver = false;
  #hasLeft: boolean | undefined;

  constructor(
    scopes: RequestScopes,
    readonly kind: ScopeKind,
    readonly description: string,
    /** The value that Nest injects as `REQUEST`. */
    readonly request: object,
    private readonly moduleRef: ModuleRef,
    /** Whether the peer has gone, so that nobody receives the answer. */
    private readonly hasPeerLeft: () => boolean = () => false,
  ) {
    super(scopes);
  }

  get hasClientLeft(): boolean {
    return this.#hasLeft ?? this.hasPeerLeft();
  }

  /** Called when the handler has its answer: a peer that leaves from now on has it. */
  markAnswered(): void {
    this.#hasLeft ??= this.hasPeerLeft();
  }

  /** Whether it had its answer, so that it is about to end. */
  get isAnswered(): boolean {
    return this.#hasLeft !== undefined;
  }

  get contextId(): ContextId {
    return (this.#contextId ??= createContext(this.request, this.openScope('A provider'), this.moduleRef));
  }

  /** Belongs to a context that the injector has already. */
  useContext(contextId: ContextId): void {
    this.#contextId = contextId;
  }

  /** Called when the answer has left. Handlers may still go on. */
  answerLeft(): void {
    this.scope?.responseClosed(this.hasClientLeft);
  }

  /** A handler may go on when an interceptor has answered. */
  trackHandler(handler: Promise<unknown>): void {
    (this.#handlers ??= []).push(handler);
  }

  trackBody(): void {}

  track(work: Promise<unknown>): void {
    this.trackHandler(work);
  }

  /** Resolves once every handler has settled. Returns `undefined` if none had to be noted. */
  whenHandled(): Promise<unknown> | undefined {
    return this.#handlers && Promise.allSettled(this.#handlers);
  }

  /** Returns the result of the handler chain, once all that must precede the answer is done. */
  async answer(result: Promise<unknown>): Promise<unknown> {
    return this.answerNow(await result);
  }

  /** Does the same with a result that is there. Returns a promise of it only if something must precede the answer. */
  answerNow(result: unknown): unknown {
    if (isStream(result)) return this.#answerEach(result);
    const exiting = this.scope?.beforeResponse();
    return exiting ? exiting.then(() => result) : result;
  }

  /** Takes an error on its way to the exception filters. Returns a promise of the one to answer, if that takes time. */
  fail(error: unknown): Promise<Failure> | undefined {
    this.#failure ??= { error };
    return this.scope?.fail(error);
  }

  /** Called when the answer has left and every handler has settled: runs the tasks, then disposes. */
  end(): void {
    this.isOver = true;
    this.scope?.end(this.hasClientLeft);
  }

  protected open(what: string): RequestScope {
    if (this.isOver) throw new ScopeClosedError(what);
    const scope = this.scopes.create(this);
    if (this.#failure) scope.markFailed(this.#failure.error);
    return scope;
  }

  /** Holds the last answer until all that must precede it is done. Holds none where nothing must. */
  #answerEach(source: Observable<unknown>): Observable<unknown> {
    return new Observable((subscriber) => {
      let held: { readonly value: unknown } | undefined;
      const complete = () => {
        if (held) subscriber.next(held.value);
        subscriber.complete();
      };
      const observer: Observer<unknown> = {
        next: (value) => {
          const earlier = held;
          held = this.scope?.holdsAnswer ? { value } : undefined;
          if (earlier) subscriber.next(earlier.value);
          if (!held) subscriber.next(value);
        },
        // The event of another connection may bring it, where the context is another one.
        error: (error: unknown) => this.runInContext(() => subscriber.error(error)),
        complete: () => {
          const exiting = this.scope?.beforeResponse();
          if (exiting) exiting.then(complete, (error: unknown) => subscriber.error(error));
          else complete();
        },
      };
      // Nest calls interceptors, and a handler behind them, when it subscribes.
      const subscription = this.runInContext(() => source.subscribe(observer));
      return () => this.runInContext(() => subscription.unsubscribe());
    });
  }
}

/** The unit that this code runs for, unless it is an HTTP request. */
export function calledUnit(): CalledUnit | undefined {
  const unit = asyncContext.getStore();
  return isInstance(unit, CalledUnit) ? unit : undefined;
}
