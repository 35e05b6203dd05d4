import type { JsonValue } from '../contracts/json.js';
import type { TaskOptions } from '../options/task-options.js';
import type { BackgroundTask } from '../tasks/background-task.js';
import type { TaskDefinition } from '../tasks/define-task.js';
import type { EnqueueOptions } from '../tasks/enqueue-options.js';

/** A task that was added and has not run. */
export interface RecordedTask {
  /** The `name` option, else the name of the function or `Class.method`. */
  readonly name: string;
  /** The function, or the method. */
  readonly fn: (...args: never[]) => unknown;
  /** The object whose method it is; absent for a plain function. */
  readonly target?: object;
  readonly args: readonly unknown[];
  /** What `with()` was given. */
  readonly options: TaskOptions;
  /** The handle that the code under test received. */
  readonly task: BackgroundTask;
}

/** A named task that was enqueued. */
export interface RecordedNamedTask {
  readonly definition: TaskDefinition;
  /** As its handler would be given it, before the schema. */
  readonly payload: JsonValue;
  /** What `with()` was given; the task has those of its definition as well. */
  readonly options: TaskOptions;
  /** What `enqueue()` was given: an idempotency key, settings for a backend. */
  readonly enqueueOptions: EnqueueOptions;
  /** The handle that the code under test received. */
  readonly task: BackgroundTask;
}
