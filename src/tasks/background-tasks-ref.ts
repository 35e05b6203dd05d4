import { OutsideScopeError } from '../errors/errors.js';
import { asyncContext } from './async-context.js';
import type { BackgroundTasks } from './background-tasks.js';

/**
 * Gives singletons the tasks of the current request. Injecting it does not make a class request-scoped.
 * Costs one AsyncLocalStorage store for each request, in applications that inject it.
 */
export class BackgroundTasksRef {
  /**
   * The tasks of the request, message or unit of work that this code belongs to.
   *
   * @throws OUTSIDE_SCOPE, SCOPE_CLOSED, SHUTTING_DOWN
   */
  get current(): BackgroundTasks {
    const current = asyncContext.getStore();
    if (!current) throw new OutsideScopeError('BackgroundTasksRef.current', 'reference');
    return current.tasks;
  }
}
