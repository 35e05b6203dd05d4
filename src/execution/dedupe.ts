import type { QueuedTask } from '../tasks/queued-task.js';
import type { TaskQueue } from './task-queue.js';

/** Finds a waiting task of that name. Follow-ups match only those of the same task: they may be discarded with it. */
export function findByName(queue: TaskQueue, name: string, follows?: QueuedTask): QueuedTask | undefined {
  return queue.waiting.find((task) => task.name === name && task.follows === follows);
}

/** Finds a named task of that key that has not ended. Follow-ups of another task do not count. */
export function findByKey(queue: TaskQueue, name: string, key: string, follows?: QueuedTask): QueuedTask | undefined {
  return [...queue.running, ...queue.waiting].find(
    (task) => task.name === name && task.idempotencyKey === key && (!task.follows || task.follows === follows),
  );
}
