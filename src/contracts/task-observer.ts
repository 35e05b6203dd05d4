import type { TaskReport } from './task-report.js';

/**
 * Watches tasks from outside: metrics, traces, tests. Every member is optional and must return at
 * once; an observer that throws is logged once and never disturbs a task.
 */
export interface TaskObserver {
  /** A task was added and waits. */
  taskAccepted?(task: TaskEvent): void;
  /** The first attempt of a task begins. */
  taskStarted?(task: TaskEvent): void;
  /** A task called `currentTask().progress(value)`. */
  taskProgressed?(task: TaskEvent, value: unknown): void;
  /** A task reached the state it will keep. Called once for each task. */
  taskSettled?(report: TaskReport): void;
}

/** Names the task an event is about. */
export interface TaskEvent {
  /** Unique to the task. */
  readonly id: string;
  /** The `name` option, else the name of the function or `Class.method`. */
  readonly name: string;
}
