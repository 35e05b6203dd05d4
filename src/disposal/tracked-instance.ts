import type { OnRequestDispose } from '../contracts/on-request-dispose.js';
import type { TaskOutcome } from '../contracts/task-outcome.js';
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

  dispose(outcome: TaskOutcome): unknown {
    const { instance, isConstructorCalled } = this.record;
    if (!isConstructorCalled || typeof instance !== 'object' || instance === null) return undefined;
    if (this.disposed.has(instance) || !isDisposable(instance)) return undefined;
    this.disposed.add(instance);
    return callDisposer(instance, outcome);
  }
}

/** Whether instances of a class, or one instance, have a disposer. */
export function isDisposable(candidate: object): boolean {
  const members = candidate as Disposers;
  return (
    typeof members.onRequestDispose === 'function' ||
    typeof members[Symbol.asyncDispose] === 'function' ||
    typeof members[Symbol.dispose] === 'function'
  );
}

/** Calls exactly one disposer: `onRequestDispose`, else `[Symbol.asyncDispose]`, else `[Symbol.dispose]`. */
function callDisposer(instance: object, outcome: TaskOutcome): unknown {
  const members = instance as Disposers;
  if (typeof members.onRequestDispose === 'function') return members.onRequestDispose(outcome);
  if (typeof members[Symbol.asyncDispose] === 'function') return members[Symbol.asyncDispose]!();
  return members[Symbol.dispose]?.();
}

type Disposers = Partial<OnRequestDispose & AsyncDisposable & Disposable>;
