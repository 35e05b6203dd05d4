import { QueueFullError, TaskChainTooLongError } from '../errors/errors.js';
import { findByName } from '../execution/dedupe.js';
import type { TaskQueue } from '../execution/task-queue.js';
import type { QueuedTask } from '../tasks/queued-task.js';

/** Number of tasks in a row that may each add the next. No real chain is that long. */
const CHAIN_LIMIT = 1_000;

/**
 * Adds a task to a queue, in place of an earlier one if `dedupe` says so. `canHold`: whether the response can wait until
 * there is a permit. @throws TASK_CHAIN_TOO_LONG, QUEUE_FULL
 */
export function admit(task: QueuedTask, queue: TaskQueue, canHold: boolean): QueuedTask {
  const { options, name } = task;
  const { overflow, maxPending } = queue.engine.options;
  if (task.chainLength >= CHAIN_LIMIT) throw new TaskChainTooLongError(name, CHAIN_LIMIT);
  const replaced = options.dedupe === 'keep-last' && findByName(queue, name, options, task.follows);
  if (replaced) {
    queue.replace(replaced, task);
    return task;
  }
  const waits = overflow === 'wait';
  if (queue.add(task, waits && canHold)) return task;
  throw new QueueFullError(name, maxPending, !waits && canHold);
}
