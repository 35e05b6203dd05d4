import type { BackendSettings } from '../contracts/task-backend.js';
import type { JsonValue } from '../contracts/task-envelope.js';
import type { TaskOptions } from '../options/task-options.js';
import type { BackgroundTask } from '../tasks/background-task.js';
import type { TaskDefinition } from '../tasks/task-definition.js';

/** A task that was added and has not run. */
export interface RecordedTask {
  /** The `name` option, else the name of the function or `Class.method`. */
  readonly name: string;
  /** The function, or the method. */
  readonly fn: (...args: never[]) => unknown;
  /** The object that the method belongs to; absent for a plain function. */
  readonly target?: object;
  readonly args: readonly unknown[];
  /** The options of `with()`. */
  readonly options: TaskOptions;
  /** The handle that the code under test received. */
  readonly task: BackgroundTask;
}

/** A named task that was enqueued. */
export interface RecordedNamedTask {
  readonly definition: TaskDefinition;
  /** The payload as its handler would be given it, before the schema. */
  readonly payload: JsonValue;
  /** The options of its definition, and those of `with()` on top. */
  readonly options: TaskOptions;
  /** Absent if `enqueue()` was given none. */
  readonly idempotencyKey?: string;
  /** The settings for the backend that `enqueue()` was given. */
  readonly settings: BackendSettings;
  /** The handle that the code under test received. */
  readonly task: BackgroundTask;
}
