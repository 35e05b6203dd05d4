import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import type { TaskLog } from './task-log.js';

/** Which of the tasks were not meant for this outcome; says so in the log. */
export function unwantedTasks(tasks: readonly QueuedTask[], outcome: TaskOutcome, log: TaskLog): readonly QueuedTask[] {
  const unwanted = tasks.filter((task) => !isWanted(task, outcome));
  if (unwanted.length === 0) return unwanted;
  const byOutcome = unwanted.filter((task) => !isWantedByOutcome(task, outcome));
  if (byOutcome.length > 0)
    log.discarded(byOutcome, outcome.succeeded ? 'The request succeeded' : 'The request failed');
  const others = unwanted.filter((task) => !byOutcome.includes(task));
  if (others.length > 0) log.discarded(others, 'The client left');
  return unwanted;
}

function isWanted(task: QueuedTask, outcome: TaskOutcome): boolean {
  return isWantedByOutcome(task, outcome) && !(outcome.aborted && task.options.onAbort === 'skip');
}

function isWantedByOutcome(task: QueuedTask, outcome: TaskOutcome): boolean {
  const runOn = task.options.runOn ?? (task.addedAfterFailure ? 'always' : 'success');
  return runOn === 'always' || (runOn === 'success') === outcome.succeeded;
}
