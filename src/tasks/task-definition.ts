import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { BackendSettings } from '../contracts/task-backend.js';
import { InvalidOptionError } from '../errors/errors.js';
import type { CheckedTaskOptions } from '../options/task-options.js';

/** A task that is known by its name, so that another process can run it. Made by `defineTask()`. */
export interface TaskDefinition<Input = unknown, Output = Input> {
  /** The name in every process. */
  readonly name: string;
  /** The schema that checks its payloads. */
  readonly schema: StandardSchemaV1<Input, Output> | undefined;
  /** The options of each of its tasks, where `enqueue` says nothing else. */
  readonly options: CheckedTaskOptions;
  /** Its settings for the backend, which checks them when the application starts. */
  readonly settings: BackendSettings;
}

/**
 * Throws INVALID_OPTION for what is no definition. Types cannot see one that is still `undefined`, because files import
 * each other in a circle.
 */
export function assertDefinition(value: unknown): asserts value is TaskDefinition {
  const { name, options } = (value ?? {}) as Partial<TaskDefinition>;
  if (typeof name === 'string' && typeof options === 'object') return;
  throw new InvalidOptionError(
    'definition',
    value,
    'Give what defineTask() returned. Where it is undefined, files import each other in a circle: give it a file ' +
      'of its own.',
  );
}
