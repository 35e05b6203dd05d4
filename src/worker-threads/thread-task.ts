import type { BatchContext, TaskContext } from '../contracts/task-context.js';
import { InvalidOptionError } from '../errors/errors.js';
import { safely } from '../errors/safely.js';
import { TaskAttempt } from '../execution/task-attempt.js';
import { noteThread } from '../observation/observed-task.js';
import { asyncContext } from '../tasks/async-context.js';
import { CHECK_ARGUMENTS } from '../tasks/task-call.js';
import { sharedThreads } from './shared-threads.js';
import { serializeArguments } from './thread-arguments.js';
import { UnknownThreadExportError } from './thread-errors.js';

/**
 * Makes an async function that runs an exported function of a module in a thread. The function may compute for as long
 * as it likes, while the main thread answers requests. Use it with `tasks.addTask(resize, image, 200)` or with
 * `await resize(image, 200)`:
 *
 * ```ts
 * const thumbnail = new URL('./thumbnail.js', import.meta.url);
 * export const resize = threadTask<typeof import('./thumbnail.js'), 'resize'>(thumbnail, 'resize');
 * ```
 *
 * The module is loaded in each thread that needs it, never in the main thread. Arguments and results are copied:
 * Buffers stay Buffers, and instances of classes become plain objects. `addTask` refuses an argument that cannot be
 * copied when the task is added. The copy is made when the thread begins, so do not change an argument before that. An
 * error that the function throws arrives with its name, message, stack, cause and members, but without its class.
 *
 * A call in a task ends with the signal of the task: at `timeoutMs` and at shutdown the thread is terminated, whatever
 * it does. Native code is interrupted only when it returns. A call may have had effects when its thread is terminated,
 * and is not made again.
 *
 * The calls reject with THREAD_CRASHED, THREAD_CANCELLED, THREAD_QUEUE_FULL, THREAD_VALUE_NOT_CLONEABLE,
 * THREAD_ARGUMENTS_TOO_LARGE, THREAD_MODULE_NOT_LOADED, UNKNOWN_THREAD_EXPORT.
 *
 * @throws INVALID_OPTION if `module` is no `file:` URL, UNKNOWN_THREAD_EXPORT if `name` is no name
 */
export function threadTask<M extends object, K extends ThreadExport<M>>(module: URL, name: K): ThreadFunction<M[K]>;
/** Makes the same function without types. */
export function threadTask(module: URL, name: string): (...args: unknown[]) => Promise<unknown>;
export function threadTask(module: URL, name: string): (...args: unknown[]) => Promise<unknown> {
  const href = safely(
    () => (module instanceof URL && module.protocol === 'file:' ? module.href : undefined),
    undefined,
  );
  if (href === undefined) {
    const fix = "Give the URL of a file: new URL('./thumbnail.js', import.meta.url).";
    throw new InvalidOptionError('module', module, fix);
  }
  if (typeof name !== 'string' || name === '') throw new UnknownThreadExportError(name, href);
  const task = async (...args: unknown[]): Promise<unknown> => {
    const caller = asyncContext.getStore()?.task;
    noteCaller(caller);
    return sharedThreads.run(href, name, args, caller?.signal);
  };
  const check = (args: readonly unknown[]): void => {
    serializeArguments(name, args, sharedThreads.options.maxArgumentBytes, false);
  };
  return Object.defineProperties(task, {
    name: { value: name, configurable: true },
    [CHECK_ARGUMENTS]: { value: check },
  });
}

/** Notes it of the task that calls, or of all tasks of the batch that does. */
function noteCaller(task: TaskContext | undefined): void {
  const attempts = task && 'batch' in task ? (task as BatchContext).batch : [task];
  for (const attempt of attempts) if (attempt instanceof TaskAttempt) noteThread(attempt.queued);
}

/** The names of the functions that a module exports. */
export type ThreadExport<M> = { [K in keyof M]-?: M[K] extends (...args: never[]) => unknown ? K : never }[keyof M] &
  string;

/** A function of a module as it is called from another thread: with the same arguments, and a promise of its result. */
export type ThreadFunction<F> = F extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
