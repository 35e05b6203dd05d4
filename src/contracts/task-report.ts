/**
 * The end of a task:
 *
 * - `succeeded`: the function returned, or its promise was fulfilled
 * - `failed`: it threw, and no attempt was left
 * - `timed-out`: the last attempt ran longer than `timeoutMs`
 * - `skipped`: an earlier task of the request failed and `onTaskFailure` is `'stop'`
 * - `discarded`: the outcome of the request, `onAbort` or `dedupe` said not to run it, or another
 *   task of its idempotency key has not ended
 * - `cancelled`: `cancel()` ended it before it ran
 * - `abandoned`: the shutdown deadline came first
 * - `enqueued`: a backend has accepted it, which runs it from here; how that ends is reported where it runs
 */
export type TerminalTaskState =
  'succeeded' | 'failed' | 'timed-out' | 'skipped' | 'discarded' | 'cancelled' | 'abandoned' | 'enqueued';

/** The state of a task; see {@link TerminalTaskState} for the ends. */
export type TaskState = 'waiting' | 'running' | TerminalTaskState;

/** The result of one task. */
export interface TaskReport {
  /** Unique to the task. */
  readonly id: string;
  /** The `name` option, else the name of the function or `Class.method`; that of its definition for a named task. */
  readonly name: string;
  /** Its final state. */
  readonly state: TerminalTaskState;
  /** Number of calls of the function, those in other processes before this one included; 0 if it never ran. */
  readonly attempts: number;
  /** Milliseconds from the start of the first attempt to the end, waits between attempts included. */
  readonly durationMs: number;
  /** Error of the last attempt; absent unless the task failed or timed out. */
  readonly error?: unknown;
}
