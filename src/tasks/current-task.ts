import type { TaskContext } from '../contracts/task-context.js';
import { OutsideTaskError } from '../errors/errors.js';
import { asyncContext } from './async-context.js';

/**
 * Returns the context of the task that this code runs in. Works anywhere in the task, after any number of `await`s.
 *
 * @throws OUTSIDE_TASK
 */
export function currentTask(): TaskContext {
  const task = asyncContext.getStore()?.task;
  if (!task) throw new OutsideTaskError();
  return task;
}
