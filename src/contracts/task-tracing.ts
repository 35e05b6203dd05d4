import type { ObservedBatch, ObservedTask } from './task-events.js';
import type { TaskObserver } from './task-observer.js';

/**
 * Makes tasks part of the traces of an application. It is told of the events that it has methods for, as every observer
 * is. Each of its own methods calls `work` once, before it returns. One that fails costs the trace, and never the task.
 */
export type TaskTracing = TaskObserver & {
  /** Calls `work`, which makes a named task, and calls `inject()` for it. Called by the code that enqueues it. */
  enqueue(task: Pick<ObservedTask, 'id' | 'name'>, work: () => void): void;
  /** Returns the headers that name the active trace; `undefined` if there is none. They travel with the named task. */
  inject(): Readonly<Record<string, string>> | undefined;
  /** Calls `work`, which makes a task of a named task that a backend carried here, in the trace that the headers name. */
  extract(headers: Readonly<Record<string, string>>, work: () => void): void;
  /** Calls `work`, which is one attempt of a task. Called in the async context of the code that added it. */
  run(task: ObservedTask, work: () => void): void;
  /**
   * Calls `work`, which runs the handler of a batch, in no trace, after `run` for each of its tasks. The scope of that
   * run has `batch.id` as the task of its `parent`. Absent where batches are no part of a trace.
   */
  batch?(batch: ObservedBatch, tasks: readonly ObservedTask[], work: () => void): void;
  /** Returns the id of the trace that a task is in, or else of the active trace; `undefined` if there is none, or none yet. */
  traceId?(task?: ObservedTask): string | undefined;
};
