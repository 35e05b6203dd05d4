import type { TaskOutcome } from '../contracts/task-outcome.js';

/** Where something stands in the order of disposal. */
export interface Rank {
  readonly name: string;
  /** Dependents have a higher value than what they depend on, so higher goes first. */
  value: number;
}

/** Something of one request that may have to be given back. */
export interface DisposableEntry {
  readonly rank: Rank;
  readonly release: 'before-response' | 'after-tasks';
  /** While it is under construction, settles once that has ended, successfully or not. */
  readonly built: PromiseLike<unknown> | undefined;
  /** Gives it back; `undefined` if there turned out to be nothing to give back. */
  dispose(outcome: TaskOutcome): unknown;
}

export function isBeforeResponse(entry: DisposableEntry): boolean {
  return entry.release === 'before-response';
}
