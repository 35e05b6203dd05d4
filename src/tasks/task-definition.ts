import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { BatchOptions } from '../contracts/batch-options.js';
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
  /** The batches of its tasks; `undefined` if they run one by one. */
  readonly batch: BatchOptions | undefined;
}

/** A definition whose tasks run in batches. */
export interface BatchedTaskDefinition<Input = unknown, Output = Input> extends TaskDefinition<Input, Output> {
  readonly batch: BatchOptions;
}

/** Known by identity: what only looks like one may have options that nobody has checked, or be a proxy. */
const definitions = new WeakSet<object>();

/** Makes a definition, which nobody can change. */
export function newDefinition(definition: TaskDefinition): TaskDefinition {
  definitions.add(definition);
  return Object.freeze(definition);
}

/** Whether it is what `defineTask()` returned. */
export function isDefinition(value: unknown): value is TaskDefinition {
  return definitions.has(value as object);
}

/**
 * Throws INVALID_OPTION for what is no definition. Types cannot see one that is still `undefined`, because files import
 * each other in a circle.
 */
export function assertDefinition(value: unknown, option = 'definition'): asserts value is TaskDefinition {
  if (isDefinition(value)) return;
  throw new InvalidOptionError(
    option,
    value,
    'Give what defineTask() returned. Where it is undefined, files import each other in a circle: give it a file ' +
      'of its own.',
  );
}
