import type { GroupProgress } from './ended-task.js';
import type { JsonValue } from './task-envelope.js';

/** A named task as it is now, wherever it runs. All of it is JSON. Moments are milliseconds since 1970. */
export interface NamedTaskReport {
  readonly id: string;
  /** The name of its definition. */
  readonly name: string;
  /**
   * `waiting` to begin, `delayed` before its first attempt or between two, `running`, or at an end: `succeeded`,
   * `failed` (also one that took longer than `timeoutMs`), `cancelled`, and in the process that enqueued it `discarded`
   * (it was not to run, or the application shut down first).
   */
  readonly state: NamedTaskState;
  /** Number of attempts that have begun. */
  readonly attempts: number;
  /** The last value that it gave to `currentTask().progress()`. 0 until then. */
  readonly progress: JsonValue;
  /** The value that its handler returned, as JSON shows it; absent if there is none, and for a batch. */
  readonly result?: JsonValue;
  /** The error of its last attempt; absent unless it failed. */
  readonly error?: NamedTaskError;
  /** The progress of the tasks that it waits for, if it is the `then` of a group. */
  readonly group?: GroupProgress;
  /** The moment at which it was enqueued. */
  readonly enqueuedAt: number;
  /** The beginning of its last attempt; absent if there was none. */
  readonly startedAt?: number;
  /** The moment of its end; absent until then. */
  readonly endedAt?: number;
  /** The job that it is, as a dashboard of the backend calls it; absent if it runs in the process that enqueued it. */
  readonly job?: { readonly queue: string; readonly id: string };
}

/** The state of a named task, as its report has it. */
export type NamedTaskState = 'waiting' | 'delayed' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'discarded';

/** The error of a named task: that of the handler, with all that its message says. */
export interface NamedTaskError {
  readonly name: string;
  readonly message: string;
  /** Its `code`, if it has one of letters, digits, dots, dashes and underscores. */
  readonly code?: string;
}

/**
 * The answer to a request to cancel a task:
 *
 * - `removed`: it will not run, or not again
 * - `requested`: it runs, and its signal aborts. It ends as `cancelled` unless it succeeds all the same
 * - `too-late`: it has ended
 * - `unknown`: there is no task of that id, or none any more
 */
export type CancelAnswer = 'removed' | 'requested' | 'too-late' | 'unknown';
