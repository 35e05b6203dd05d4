import type { OnRequestDispose } from '../contracts/on-request-dispose.js';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import { safely } from '../errors/safely.js';
import type { InstanceRecord } from '../nest/instances.js';
import type { Rank } from './disposal-plan.js';

/** An instance that the injector constructs for one request. */
export class TrackedInstance {
  readonly release = 'after-tasks';

  constructor(
    private readonly record: InstanceRecord,
    readonly rank: Rank,
    /** The instances that have been disposed of already: two providers may share one. */
    private readonly disposed: Set<object>,
  ) {}

  /** Settles when the construction has ended. In a half-built tree that is after the error has been answered. */
  get construction(): PromiseLike<unknown> | undefined {
    return this.record.isPending ? this.record.donePromise : undefined;
  }

  /** Whether an instance with a disposer is there, or was until it was disposed of. */
  get isHeld(): boolean {
    const instance = this.#constructed;
    return instance !== undefined && isDisposable(instance);
  }

  get #constructed(): object | undefined {
    const { instance, isConstructorCalled } = this.record;
    const isThere = isConstructorCalled && typeof instance === 'object' && instance !== null;
    return isThere ? instance : undefined;
  }

  dispose(outcome: TaskOutcome): unknown {
    const instance = this.#constructed;
    if (!instance) return undefined;
    const disposer = this.disposed.has(instance) ? undefined : disposerOf(instance);
    if (disposer === undefined) return undefined;
    this.disposed.add(instance);
    // A getter that throws instead of returning the disposer is one that failed.
    const members = instance as Disposers;
    return disposer === 'onRequestDispose' ? members.onRequestDispose(outcome) : members[disposer]();
  }
}

/** Whether instances of a class, or one instance, have a disposer. */
export function isDisposable(candidate: object): boolean {
  return disposerOf(candidate) !== undefined;
}

/** Finds the disposer: `onRequestDispose`, else `[Symbol.asyncDispose]`, else `[Symbol.dispose]`. */
function disposerOf(candidate: object): keyof Disposers | undefined {
  return DISPOSERS.find((key) => {
    try {
      return typeof (candidate as Disposers)[key] === 'function';
    } catch {
      // A getter of a prototype needs an instance. A proxy may throw for all that it does not know.
      return safely(() => key in candidate, false);
    }
  });
}

const DISPOSERS = ['onRequestDispose', Symbol.asyncDispose, Symbol.dispose] as const;

type Disposers = OnRequestDispose & AsyncDisposable & Disposable;
