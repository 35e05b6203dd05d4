import type { TaskReport, TaskState } from '../contracts/task-report.js';

/** The handle that `addTask` and `enqueue` return. */
export interface BackgroundTask {
  /** Unique to the task. */
  readonly id: string;
  /** The `name` option, else the name of the function or `Class.method`; that of its definition for a named task. */
  readonly name: string;
  /** Its state now. */
  readonly state: TaskState;
  /** Cancels the task if it still waits. Returns whether it did: a running task is not interrupted. */
  cancel(): boolean;
  /** Fulfilled with the report once the task has ended, or a backend has accepted it (`enqueued`). Never rejects. */
  readonly settled: Promise<TaskReport>;
}
