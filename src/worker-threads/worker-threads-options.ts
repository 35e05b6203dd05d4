import { availableParallelism } from 'node:os';
import { atLeastOne, type Check, checkAll, milliseconds, wholeNumber } from '../options/checks.js';

/** Options of `WorkerThreadsModule.forRoot()`. Durations are milliseconds. */
export interface WorkerThreadsModuleOptions {
  /**
   * Calls that run at a time, each in a thread of its own. The whole process shares these threads. @default one for
   * each processor that the process may use. Fewer leave processors idle. More share the processors with each other
   * and with the main thread, and each thread loads its own copy of the modules.
   */
  readonly maxRunning?: number;
  /**
   * Calls that may wait for a thread. @default 1000. One more throws `THREAD_QUEUE_FULL` (Nest answers 503). Each
   * waiting call keeps its arguments in memory, so a high number costs memory and can mean minutes of waiting. 0
   * refuses every call that finds no free thread.
   */
  readonly maxPending?: number;
  /**
   * Milliseconds after which a thread without work ends. @default 30000. 0 starts a new thread for nearly every call
   * and loads its modules again; a very large value keeps the memory of a busy hour.
   */
  readonly idleTimeoutMs?: number;
  /**
   * Bytes that the arguments of one call may have. @default 10485760 (10 MiB). The main thread copies them, about a
   * millisecond for each 4 MiB, and answers no request meanwhile. If this is too low, ordinary calls throw
   * `THREAD_ARGUMENTS_TOO_LARGE`.
   */
  readonly maxArgumentBytes?: number;
  /** Limits of each thread. @default Node's own. A call that exceeds them ends with `THREAD_CRASHED`. */
  readonly resourceLimits?: ThreadResourceLimits;
}

/** Limits of one thread; Node decides those that are absent. None of them counts Buffers. */
export interface ThreadResourceLimits {
  /**
   * Megabytes of JavaScript objects. @default Node's own: as much as the main thread may use, so that several threads
   * can exhaust the machine. If this is too low, calls end with `THREAD_CRASHED`.
   */
  readonly maxOldGenerationSizeMb?: number;
  /** Megabytes of new objects. @default Node's own. Too few slow a thread down; too many cost memory in each thread. */
  readonly maxYoungGenerationSizeMb?: number;
  /** Megabytes of generated machine code. @default Node's own. With too few the thread cannot start. */
  readonly codeRangeSizeMb?: number;
  /** Megabytes of stack. @default 4. With too few, deep recursion is a RangeError; too many crash the process. */
  readonly stackSizeMb?: number;
}

/** The options after validation: every member has a value, and nothing can change them. */
export type ResolvedWorkerThreadsOptions = Readonly<Required<WorkerThreadsModuleOptions>>;

/** Checks the options and fills in the defaults. @throws INVALID_OPTION */
export function resolveWorkerThreadsOptions(options: WorkerThreadsModuleOptions): ResolvedWorkerThreadsOptions {
  const given = checkAll<WorkerThreadsModuleOptions>('', options, {
    maxRunning: wholeNumber(1),
    maxPending: wholeNumber(0),
    idleTimeoutMs: milliseconds,
    maxArgumentBytes: wholeNumber(1),
    resourceLimits: checkResourceLimits,
  });
  return Object.freeze({
    maxRunning: availableParallelism(),
    maxPending: 1_000,
    idleTimeoutMs: 30_000,
    maxArgumentBytes: 10 * 1024 * 1024,
    resourceLimits: Object.freeze({}),
    ...given,
  });
}

const checkResourceLimits: Check<ThreadResourceLimits> = (path, value) =>
  checkAll<ThreadResourceLimits>(path, value, {
    maxOldGenerationSizeMb: atLeastOne,
    maxYoungGenerationSizeMb: atLeastOne,
    codeRangeSizeMb: atLeastOne,
    stackSizeMb: atLeastOne,
  });
