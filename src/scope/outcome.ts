import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { Failure } from '../disposal/disposables.js';

/** The outcome while nothing has gone wrong and the response has not been sent. */
export const SUCCESS: TaskOutcome = Object.freeze({ succeeded: true, aborted: false });

export function outcomeOf(failure: Failure | undefined, aborted: boolean, statusCode: number | undefined): TaskOutcome {
  const outcome: { -readonly [K in keyof TaskOutcome]: TaskOutcome[K] } = { succeeded: !failure, aborted };
  if (failure) outcome.error = failure.error;
  if (statusCode !== undefined) outcome.statusCode = statusCode;
  return Object.freeze(outcome);
}
