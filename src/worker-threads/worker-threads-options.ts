import { availableParallelism } from 'node:os';
import { atLeastOne, type Check, checkAll, milliseconds, wholeNumber } from '../options/checks.js';

/** What one thread may use; what is absent is decided by Node. None of it counts Buffers. */
export interface ThreadResourceLimits {
  /** Megabytes of JavaScript objects. @default Node's own, which is as much as the main thread may use: several threads can then exhaust the machine. Too low, and calls end with `THREAD_CRASHED`. */
  readonly maxOldGenerationSizeMb?: number;
  /** Megabytes of objects that were just made. @default Node's own. Too low slows a thread down; too high adds to the memory of each. */
  readonly maxYoungGenerationSizeMb?: number;
  /** Megabytes of generated machine code. @default Node's own. Too low, and the thread cannot start. */
  readonly codeRangeSizeMb?: number;
  /** Megabytes of stack. @default 4. Too low, and deep recursion ends with a RangeError; too high, and it crashes the process. */
  readonly stackSizeMb?: number;
}

/** What `WorkerThreadsModule.forRoot()` takes. Durations are milliseconds. */
export interface WorkerThreadsModuleOptions {
  /**
   * Threads of the process, which are as many calls at a time. @default one for each processor that
   * the process may use. Fewer leave processors idle; more take turns with each other and with the
   * main thread, and each loads its modules anew.
   */
  readonly maxThreads?: number;
  /**
   * Calls that may wait for a thread. @default 1000. One more throws `THREAD_QUEUE_FULL` (Nest
   * answers 503). Each holds its arguments, so a high number is memory, and minutes of waiting; 0
   * refuses whatever finds no thread free.
   */
  readonly maxQueue?: number;
  /** Milliseconds after which a thread without work ends. @default 30000. 0 starts a new one, modules and all, for nearly every call; a very large value keeps the memory of a busy hour. */
  readonly idleTimeoutMs?: number;
  /**
   * Bytes that the arguments of one call may have. @default 10485760 (10 MiB). The main thread copies
   * them, about a millisecond for each 4 MiB, and answers nobody meanwhile; too low, and ordinary
   * calls throw `THREAD_ARGUMENTS_TOO_LARGE`.
   */
  readonly maxArgumentBytes?: number;
  /** What each thread may use. @default Node's own limits. A thread that exceeds them ends with `THREAD_CRASHED`, and the process goes on. */
  readonly resourceLimits?: ThreadResourceLimits;
}

/** The options after validation: every member decided, frozen. */
export type ResolvedWorkerThreadsOptions = Readonly<Required<WorkerThreadsModuleOptions>>;

const resourceLimitsRule: Check<ThreadResourceLimits> = (path, value) =>
  checkAll<ThreadResourceLimits>(path, value, {
    maxOldGenerationSizeMb: atLeastOne,
    maxYoungGenerationSizeMb: atLeastOne,
    codeRangeSizeMb: atLeastOne,
    stackSizeMb: atLeastOne,
  });

/** Checks the options and fills in the defaults. Throws `INVALID_OPTION`. */
export function resolveWorkerThreadsOptions(options: WorkerThreadsModuleOptions): ResolvedWorkerThreadsOptions {
  const given = checkAll<WorkerThreadsModuleOptions>('', options, {
    maxThreads: wholeNumber(1),
    maxQueue: wholeNumber(0),
    idleTimeoutMs: milliseconds,
    maxArgumentBytes: wholeNumber(1),
    resourceLimits: resourceLimitsRule,
  });
  return Object.freeze({
    maxThreads: availableParallelism(),
    maxQueue: 1_000,
    idleTimeoutMs: 30_000,
    maxArgumentBytes: 10 * 1024 * 1024,
    resourceLimits: Object.freeze({}),
    ...given,
  });
}
