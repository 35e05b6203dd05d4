import type { EndedTask } from './ended-task.js';
import type { JsonValue } from './task-envelope.js';
import type { TaskOutcome } from './task-outcome.js';

/** The running task, as `currentTask()` returns it. */
export interface TaskContext {
  /** The id of the task, as in its handle, its report and the log. */
  readonly id: string;
  /** The name of the task, as in its handle, its report and the log. */
  readonly name: string;
  /** 1 on the first attempt. A run after a worker crashed repeats the number of the one that was cut off. */
  readonly attempt: number;
  /**
   * Aborts when the attempt exceeds `timeoutMs` (reason: a `TimeoutError`) and shortly before the
   * shutdown deadline (reason: an `AbortError`). Hand it to whatever can stop early.
   */
  readonly signal: AbortSignal;
  /**
   * Outcome of the request that added the task. A success for a named task that a backend runs, whatever its `runOn`.
   */
  readonly outcome: TaskOutcome;
  /**
   * For a named task, the `context` of the `TaskScopes.run()` that enqueued it, else what the `captureContext` option
   * returned where it was enqueued; for any other task `undefined`.
   */
  readonly context: JsonValue | undefined;
  /** The tasks of the batch that runs, in the order of the payloads. Absent in any other task. */
  readonly batch?: readonly TaskContext[];
  /**
   * The tasks of a group as they have ended, in the order in which they were given to `enqueueGroup()`. `undefined` unless
   * this is its `then`.
   */
  readonly group?: readonly EndedTask[] | undefined;
  /**
   * Tells the observers, and the backend that carries the task, how far the task has come. The value has the
   * meaning that the task gives it.
   */
  progress(value: unknown): void;
}

/**
 * The running batch, as `REQUEST` and `currentTask()` give it in `runBatch()`. It has an id of its own, and the name of
 * its definition; its signal aborts once those of all its tasks have. `progress()` tells it for each of them. `context`
 * is `undefined`, because each task has its own. In an application with durable providers a batch of a request-scoped
 * handler has tasks of one context, which this is then.
 */
export interface BatchContext extends TaskContext {
  readonly batch: readonly TaskContext[];
}
