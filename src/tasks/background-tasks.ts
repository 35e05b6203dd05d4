import type { Transaction } from '../contracts/transaction.js';
import type { EnqueueOptions } from '../options/enqueue-options.js';
import type { TaskOptions } from '../options/task-options.js';
import type { BackgroundTask } from './background-task.js';
import type {
  FunctionArguments,
  MethodArguments,
  MethodName,
  NotInferred,
  TaskCallable,
  TaskTarget,
} from './task-arguments.js';
import type { TaskDefinition } from './task-definition.js';
import type { BackgroundTaskGroup, GroupedTask, GroupOptions } from './grouped-tasks.js';

/**
 * The tasks of one request: they run in this process, in the order they were added, after the
 * response has been sent. One object per request, whichever way it is reached: injected into a
 * constructor (which makes the class request-scoped), with `@Tasks()` in a handler, or through
 * `BackgroundTasksRef.current` in a singleton.
 *
 * A task is lost if the process dies before it ran; see the README for what survives what.
 */
export abstract class BackgroundTasks {
  // First, because an editor completes an unfinished call from the first form. `Target` keeps the type of a call such as
  // `moduleRef.get(Mailer)`.
  /**
   * Runs `target.method(...args)` after the response, with `this` kept.
   *
   * @throws UNKNOWN_METHOD, RESOURCE_RELEASED_EARLY, SCOPE_CLOSED, SHUTTING_DOWN, QUEUE_FULL, TASK_CHAIN_TOO_LONG
   */
  abstract addTask<Target, T extends object = NotInferred, K extends MethodName<T> = MethodName<T>>(
    target: Target & TaskTarget<T>,
    method: K,
    ...args: MethodArguments<T, K>
  ): BackgroundTask;
  /**
   * Runs `fn(...args)` after the response. Arguments are passed by reference, as they are then.
   *
   * @throws NOT_A_FUNCTION, RESOURCE_RELEASED_EARLY, SCOPE_CLOSED, SHUTTING_DOWN, QUEUE_FULL, TASK_CHAIN_TOO_LONG.
   * A `threadTask()` adds THREAD_VALUE_NOT_CLONEABLE and THREAD_ARGUMENTS_TOO_LARGE.
   */
  abstract addTask<Args extends unknown[], Params = NotInferred, Members = NotInferred>(
    fn: TaskCallable<Args, Params, Members>,
    ...args: FunctionArguments<Args, Params, Members>
  ): BackgroundTask;

  /**
   * Runs the handler of a named task with this payload, once. Without a backend it runs in this
   * process, in its turn after the response. A backend has accepted it before the response is sent,
   * so that a 2xx means it will run; if it cannot, the client gets 503, or the task runs in this process,
   * where the backend has a `fallback`. From within a task it goes when that task has succeeded. If the
   * handler of the request fails, nothing is enqueued, unless `runOn` says so.
   *
   * @throws UNKNOWN_TASK, INVALID_PAYLOAD, BACKEND_UNAVAILABLE, INVALID_OPTION, SCOPE_CLOSED, SHUTTING_DOWN,
   * QUEUE_FULL, TASK_CHAIN_TOO_LONG
   */
  abstract enqueue<Input, Output>(
    definition: TaskDefinition<Input, Output>,
    payload: NoInfer<Input>,
    options?: EnqueueOptions,
  ): BackgroundTask;

  /**
   * Inserts a named task in an open transaction of your own, on the PostgreSQL that holds the queue: once that has
   * committed, the task runs; if it rolls back, the task never existed. Resolves once it is inserted. `runOn`,
   * `onAbort` and `dedupe` mean nothing here, because the transaction decides. Rejects with the error of the database
   * as it is, and then the transaction has to be rolled back.
   *
   * @throws TRANSACTIONS_UNSUPPORTED, UNKNOWN_TASK, INVALID_PAYLOAD, INVALID_OPTION, SCOPE_CLOSED, SHUTTING_DOWN;
   * BACKEND_UNAVAILABLE, if its database is not that of the queue
   */
  abstract enqueueWithin<Input, Output>(
    transaction: Transaction,
    definition: TaskDefinition<Input, Output>,
    payload: NoInfer<Input>,
    options?: EnqueueOptions,
  ): Promise<BackgroundTask>;

  /**
   * Enqueues named tasks, and one more that runs when all of them have ended, failed and cancelled ones included:
   *
   * ```ts
   * tasks.enqueueGroup(
   *   photos.map((photo) => ({ definition: Resize, payload: { photo } })),
   *   { then: PublishAlbum, payload: { album } },
   * );
   * ```
   *
   * Its handler finds them in `currentTask().group`. `runOn`, `onAbort` and `dedupe` of their definitions mean nothing
   * here: those of `with()` hold for the whole, and none takes the place of another. Options given for one task are
   * settings for the backend; a group has no idempotency key.
   *
   * @throws GROUPS_UNSUPPORTED, and what `enqueue()` throws; then none of them is enqueued
   */
  abstract enqueueGroup<Inputs extends readonly unknown[] | [], Input>(
    tasks: { readonly [Index in keyof Inputs]: GroupedTask<Inputs[Index]> },
    options: GroupOptions<Input>,
  ): BackgroundTaskGroup;

  /**
   * The same queue, with options for the tasks added through the returned object:
   * `tasks.with({ runOn: 'always' }).addTask(audit, id)`. For a named task they add to those of its definition. Options
   * given twice: the later win.
   *
   * @throws INVALID_OPTION
   */
  abstract with(options: TaskOptions): BackgroundTasks;

  /** The tasks that have not started, in the order they will. */
  abstract readonly pending: readonly BackgroundTask[];

  /** Cancels every waiting task of that name. Returns whether there was one. */
  abstract cancel(name: string): boolean;
}
