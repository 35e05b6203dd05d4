import type { QueuedTask } from '../tasks/queued-task.js';
import type { TaskQueue } from './task-queue.js';

/**
 * Finds a waiting task of that name. What depends on how another task ends matches nothing else: it may come to
 * nothing.
 */
export function findByName(queue: TaskQueue, name: string, follows?: QueuedTask): QueuedTask | undefined {
  return queue.waiting.find((task) => task.name === name && task.follows === follows);
}

/** Finds a named task of that idempotency key that has not ended, unless it depends on how another task ends. */
export function findByKey(queue: TaskQueue, name: string, key: string, follows?: QueuedTask): QueuedTask | undefined {
  return [...queue.running, ...queue.waiting].find(
    (task) => task.name === name && task.idempotencyKey === key && (!task.follows || task.follows === follows),
  );
}
