import { AsyncLocalStorage } from 'node:async_hooks';
import type { TaskContext } from '../contracts/task-context.js';
import { OutsideScopeError, OutsideTaskError } from '../errors/errors.js';
import type { BackgroundTasks } from './background-tasks.js';

/** What code without an injector at hand belongs to: a request, a unit of work, or a task of one. */
export interface Ambient {
  /** The queue of the request. Reading it opens the request's scope. */
  readonly tasks: BackgroundTasks;
  /** The running task; `undefined` while the handler runs. */
  readonly task: TaskContext | undefined;
}

const storage = new AsyncLocalStorage<Ambient>();

/** Set while a task's function runs up to its first `await`, when no store is needed to know which it is. */
let synchronous: Ambient | undefined;

/**
 * Before Node 24 the first store anywhere makes every promise of the process slower for good, so it
 * is a matter of the process and not of one application.
 */
let isStoreFree = Number.parseInt(process.versions.node, 10) >= 24;

/** Finds the request or the task that code belongs to, and pays for AsyncLocalStorage only where it must. */
export const ambient = {
  get: (): Ambient | undefined => synchronous ?? storage.getStore(),

  /** Says that the application needs stores anyway, so that one more costs nothing. */
  expectStores(): void {
    isStoreFree = true;
  },

  /** Calls `fn` with the store, for it and for all that it begins. */
  run: <A extends unknown[], R>(store: Ambient, fn: (...args: A) => R, ...args: A): R =>
    storage.run(store, fn, ...args),

  /**
   * Calls a task's function, in the task's own async resource. The store is set if it is free, else
   * by the first `currentTask()` before the first `await`.
   */
  runTask<T extends Ambient, R>(task: T, fn: (task: T) => R): R {
    if (isStoreFree) storage.enterWith(task);
    const outer = synchronous;
    synchronous = task;
    try {
      return fn(task);
    } finally {
      synchronous = outer;
    }
  },
};

/**
 * The task that this code runs in.
 *
 * Before Node 24, call it in the task's function before the first `await`; from then on it works
 * anywhere in that task. So a task that never asks costs the process no AsyncLocalStorage. On Node
 * 24, and wherever BackgroundTasksRef is injected, there is no such rule.
 *
 * @throws OUTSIDE_TASK
 */
export function currentTask(): TaskContext {
  const task = ambient.get()?.task;
  if (!task) throw new OutsideTaskError();
  if (synchronous && !isStoreFree) storage.enterWith(synchronous);
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
   * @throws OUTSIDE_SCOPE, SCOPE_CLOSED, SHUTTING_DOWN
   */
  get current(): BackgroundTasks {
    const current = ambient.get();
    if (!current) throw new OutsideScopeError('BackgroundTasksRef.current');
    return current.tasks;
  }
}
