import type { TaskOutcome } from './task-outcome.js';

/**
 * Implemented by a request-scoped provider (or controller, guard, pipe, interceptor) that holds
 * something to give back. Called once, after the response and the tasks of the request.
 *
 * Wins over `[Symbol.asyncDispose]()`, which wins over `[Symbol.dispose]()`: exactly one is called.
 */
export interface OnRequestDispose {
  /** Gives back what the instance holds. Awaited, for at most `disposeTimeoutMs`. */
  onRequestDispose(outcome: TaskOutcome): unknown;
}
