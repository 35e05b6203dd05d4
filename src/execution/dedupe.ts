import type { CheckedTaskOptions } from '../options/task-options.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import type { TaskQueue } from './task-queue.js';

/**
 * Finds a waiting task of that name. Follow-ups match only those of the same task, and tasks of a part of a request those
 * of that part: they may be discarded with it.
 */
export function findByName(
  queue: TaskQueue,
  name: string,
  { part }: CheckedTaskOptions,
  follows?: QueuedTask,
): QueuedTask | undefined {
  return queue.waiting.find((task) => task.name === name && task.follows === follows && task.options.part === part);
}

/**
 * Finds a named task of the same name and idempotency key that has not ended. It must be as sure to run: a task for
 * another outcome does not count, nor a follow-up of another task.
 */
export function findByKey(queue: TaskQueue, { name, idempotencyKey, options, follows }: QueuedTask) {
  if (idempotencyKey === undefined) return undefined;
  return [...queue.running, ...queue.waiting].find(
    (task) =>
      task.name === name &&
      task.idempotencyKey === idempotencyKey &&
      task.options.runOn === options.runOn &&
      task.options.part === options.part &&
      (!task.follows || task.follows === follows),
  );
}
