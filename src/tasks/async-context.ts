import { AsyncLocalStorage } from 'node:async_hooks';
import type { ObservedScope } from '../contracts/task-events.js';
import type { TaskContext } from '../contracts/task-context.js';
import type { BackgroundTasks } from './background-tasks.js';

/** The request, unit of work or task that code belongs to, for code that the injector does not reach. */
export interface AsyncContext {
  /** The tasks of the request. Reading it opens the scope of the request. */
  readonly tasks: BackgroundTasks;
  /** The running task; `undefined` while the handler runs. */
  readonly task: TaskContext | undefined;
  /** The scope as events show it, where it has one that is open. */
  readonly observed?: ObservedScope | undefined;
}

/** Set for every task, and for every request in applications that inject BackgroundTasksRef. */
export const asyncContext = new AsyncLocalStorage<AsyncContext | undefined>();
