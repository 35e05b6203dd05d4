import type { BackendSettings } from '../contracts/backend-settings.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import type { TaskDefinition } from '../tasks/task-definition.js';

/** One call of `enqueue`, with the options of its definition. */
export interface NamedTaskRequest {
  readonly definition: TaskDefinition;
  readonly payload: unknown;
  readonly options: CheckedTaskOptions;
  readonly idempotencyKey: string | undefined;
  readonly settings: BackendSettings;
  readonly stackTrace: Error | undefined;
}
