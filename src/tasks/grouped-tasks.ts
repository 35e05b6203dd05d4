import type { BackendSettings } from '../contracts/task-backend.js';
import type { BackgroundTask } from './background-task.js';
import type { TaskDefinition } from './task-definition.js';

/** A task of a group, as `enqueueGroup()` is given it. */
export interface GroupedTask<Input = never> {
  readonly definition: TaskDefinition<Input, unknown>;
  readonly payload: NoInfer<Input>;
  /** Settings for the backend, such as `{ bullmq: { priority: 1 } }`, on top of those of the definition. */
  readonly options?: BackendSettings;
}

/** Options of `enqueueGroup()`: the task that runs when all others have ended. */
export interface GroupOptions<Input = never> {
  /** Its definition, which cannot be one with `batch`. */
  readonly then: TaskDefinition<Input, unknown>;
  readonly payload: NoInfer<Input>;
  /** Its settings for the backend, on top of those of its definition. */
  readonly options?: BackendSettings;
}

/** The handles of a group. */
export interface BackgroundTaskGroup {
  /** The tasks, in the order in which they were given. */
  readonly tasks: readonly BackgroundTask[];
  /** The task of `then`. Its report tells the progress of the whole. */
  readonly last: BackgroundTask;
}
