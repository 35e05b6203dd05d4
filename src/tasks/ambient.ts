import { AsyncLocalStorage } from 'node:async_hooks';
import type { TaskContext } from '../contracts/task-context.js';
import { OutsideScopeError, OutsideTaskError } from '../errors.js';
import type { BackgroundTasks } from './background-tasks.js';

/** What code without an injector at hand belongs to: a request, a unit of work, or a task of one. */
export interface Ambient {
  /** The queue of the request. Reading it opens the request's scope. */
  readonly tasks: BackgroundTasks;
  /** The running task; `undefined` while the handler runs. */
  readonly task: TaskContext | undefined;
}

export const ambient = new AsyncLocalStorage<Ambient>();

/**
 * The task that this code runs in.
 *
 * @throws OUTSIDE_TASK
 */
export function currentTask(): TaskContext {
  const task = ambient.getStore()?.task;
  if (!task) throw new OutsideTaskError();
  return task;
}

/**
 * The way to the tasks of the current request for singletons: injecting it does not make them
 * request-scoped. Costs one AsyncLocalStorage store per request, in applications that inject it.
 */
export class BackgroundTasksRef {
  /**
   * The tasks of the request, message or unit of work that this code belongs to.
   *
   * @throws OUTSIDE_SCOPE, SCOPE_CLOSED
   */
  get current(): BackgroundTasks {
    const current = ambient.getStore();
    if (!current) throw new OutsideScopeError('BackgroundTasksRef.current');
    return current.tasks;
  }
}
