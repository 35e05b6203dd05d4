import { InvalidOptionError } from '../errors/errors.js';
import { asyncContext } from '../tasks/async-context.js';
import { CHECK_ARGUMENTS } from '../tasks/task-call.js';
import { UnknownThreadExportError } from './thread-errors.js';
import { sharedThreads } from './shared-threads.js';
import { checkThreadArguments } from './thread-arguments.js';
import { ThreadCall } from './thread-call.js';

/** The names of the functions that a module exports. */
export type ThreadExport<M> = { [K in keyof M]-?: M[K] extends (...args: never[]) => unknown ? K : never }[keyof M] &
  string;

/** A function of a module, as it is called from another thread: the same arguments, and a promise of the result. */
export type ThreadFunction<F> = F extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;

/**
 * An exported function of a module, to be run in a thread, where it may compute for as long as it
 * likes while this thread answers requests. What comes back is an ordinary async function, for
 * `tasks.addTask(resize, image, 200)` as well as for `await resize(image, 200)`:
 *
 * ```ts
 * export const resize = threadTask<typeof import('./thumbnail.js'), 'resize'>(new URL('./thumbnail.js', import.meta.url), 'resize');
 * ```
 *
 * The module is loaded in each thread that needs it, and never here. Arguments and result are
 * copied; Buffers stay Buffers, and instances of classes become plain objects. An argument that
 * cannot be copied is refused before anything else happens, by `addTask` where the task is added;
 * the copy is made when the thread begins, so do not change an argument before. An error that the
 * function throws arrives with its name, message, stack, cause and members, but not its class.
 *
 * Called in a task, it ends with the task's signal: at `timeoutMs` and at shutdown the thread is
 * terminated, whatever it does. Before Node 24 call it, or `currentTask()`, before the first `await`
 * of the task. Native code is not interrupted before it returns. A call may have had effects when
 * it is terminated, and is not made again.
 *
 * The calls reject with THREAD_CRASHED, THREAD_CANCELLED, THREAD_QUEUE_FULL, THREAD_VALUE_NOT_CLONEABLE,
 * THREAD_ARGUMENTS_TOO_LARGE, THREAD_MODULE_NOT_LOADED, UNKNOWN_THREAD_EXPORT.
 *
 * @throws INVALID_OPTION if `module` is no `file:` URL, UNKNOWN_THREAD_EXPORT if `name` is no name
 */
export function threadTask<M extends object, K extends ThreadExport<M>>(module: URL, name: K): ThreadFunction<M[K]>;
/** The same, without types. */
export function threadTask(module: URL, name: string): (...args: unknown[]) => Promise<unknown>;
export function threadTask(module: URL, name: string): (...args: unknown[]) => Promise<unknown> {
  if (!(module instanceof URL) || module.protocol !== 'file:') {
    throw new InvalidOptionError(
      'module',
      module,
      "Give the URL of a file: new URL('./thumbnail.js', import.meta.url).",
    );
  }
  const { href } = module;
  if (typeof name !== 'string' || name === '') throw new UnknownThreadExportError(name, href);
  const task = async (...args: unknown[]): Promise<unknown> =>
    sharedThreads.run(new ThreadCall({ href, name }, args, signalOfTask()));
  return Object.defineProperties(task, {
    name: { value: name, configurable: true },
    [CHECK_ARGUMENTS]: {
      value: (args: readonly unknown[]) => checkThreadArguments(name, args, sharedThreads.options.maxArgumentBytes),
    },
  });
}

function signalOfTask(): AbortSignal | undefined {
  return asyncContext.getStore()?.task?.signal;
}
