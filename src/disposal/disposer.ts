import type { OnRequestDispose } from '../contracts/on-request-dispose.js';
import type { TaskOutcome } from '../contracts/task-outcome.js';

/** Whether instances of a class, or one instance, have something to dispose. */
export function isDisposable(candidate: object): boolean {
  const members = candidate as Partial<OnRequestDispose & AsyncDisposable & Disposable>;
  return (
    typeof members.onRequestDispose === 'function' ||
    typeof members[Symbol.asyncDispose] === 'function' ||
    typeof members[Symbol.dispose] === 'function'
  );
}

/** Calls exactly one disposer: `onRequestDispose`, else `[Symbol.asyncDispose]`, else `[Symbol.dispose]`. */
export function disposeInstance(instance: object, outcome: TaskOutcome): unknown {
  const members = instance as Partial<OnRequestDispose & AsyncDisposable & Disposable>;
  if (typeof members.onRequestDispose === 'function') return members.onRequestDispose(outcome);
  if (typeof members[Symbol.asyncDispose] === 'function') return members[Symbol.asyncDispose]!();
  return members[Symbol.dispose]?.();
}
