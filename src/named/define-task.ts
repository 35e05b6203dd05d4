import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { BatchOptions } from '../contracts/batch-options.js';
import type { BackendSettings } from '../contracts/task-backend.js';
import { InvalidOptionError } from '../errors/errors.js';
import { type Check, checkAll, milliseconds, wholeNumber } from '../options/checks.js';
import { splitSettings } from '../options/enqueue-options.js';
import { type CheckedTaskOptions, taskOptionRules, type TaskOptions } from '../options/task-options.js';
import { type BatchedTaskDefinition, newDefinition, type TaskDefinition } from '../tasks/task-definition.js';
import type { JsonOrArguments, JsonPayload } from './json-payload.js';

/**
 * Defines a named task, for `enqueue()` and for `@TaskHandler()`.
 *
 * ```ts
 * export const SendInvoice = defineTask<{ orderId: string }>({ name: 'send-invoice', timeoutMs: 30_000 });
 * ```
 *
 * A payload is JSON: a type with a `Date`, a `Map`, a bigint or a method in it does not compile. With a schema, that
 * goes for what the schema takes; what it makes of it can be anything.
 *
 * With `batch: { maxSize, maxWaitMs }` the tasks of many requests run together: its handler has `runBatch(payloads)`.
 *
 * @throws INVALID_OPTION
 */
export function defineTask<Input, Output = Input>(
  options: BatchedTaskDefinitionOptions & { readonly schema?: StandardSchemaV1<Input, Output> },
  ...json: JsonOrArguments<Input>
): BatchedTaskDefinition<Input, Output>;
export function defineTask<Input, Output = Input>(
  options: TaskDefinitionOptions & { readonly schema?: StandardSchemaV1<Input, Output> } & JsonPayload<Input>,
): TaskDefinition<Input, Output>;
export function defineTask(options: TaskDefinitionOptions): TaskDefinition {
  const [own, settings] = splitSettings('defineTask', options, Object.keys(rules));
  const { name, schema, batch, ...taskOptions } = checkAll<GivenDefinition>('defineTask', own, rules, ['name']);
  return newDefinition({ name, schema, options: Object.freeze({ ...taskOptions, name }), settings, batch });
}

/**
 * Whether a task can have that name. Members of `Object.prototype` are refused: a backend may look names up in an
 * object.
 */
export function isTaskName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9][a-z0-9._-]{0,127}$/.test(value) && !(value in Object.prototype);
}

type GivenDefinition = Omit<CheckedTaskOptions, 'part'> & {
  readonly name: string;
  readonly schema?: StandardSchemaV1;
  readonly batch?: BatchOptions;
};

const taskName: Check<string> = (option, value) => {
  if (isTaskName(value)) return value;
  throw new InvalidOptionError(
    option,
    value,
    'Give a name of lower-case letters, digits, ".", "_" and "-", at most 128, that begins with a letter or a digit.',
  );
};

const standardSchema: Check<StandardSchemaV1> = (option, value) => {
  const standard = (value as Partial<StandardSchemaV1> | null)?.['~standard'];
  if (typeof standard?.validate === 'function') return value as StandardSchemaV1;
  throw new InvalidOptionError(
    option,
    value,
    'Give a Standard Schema: an object of zod 4, valibot, arktype or the like.',
  );
};

const batchRule: Check<BatchOptions> = (path, value) => {
  const members = { maxSize: wholeNumber(1), maxWaitMs: milliseconds };
  return checkAll<BatchOptions>(path, value, members, ['maxSize', 'maxWaitMs']);
};

const rules = { ...taskOptionRules, name: taskName, schema: standardSchema, batch: batchRule };

/** Options of `defineTask()`: a name, a schema for the payload, and the options of each of its tasks. */
export interface TaskDefinitionOptions extends Omit<TaskOptions, 'name'>, BackendSettings {
  /**
   * The name of the task in every process and every log: lower-case letters, digits, `.`, `_` and
   * `-`, at most 128, the first a letter or a digit. Tasks that wait carry it, so a renamed task is a new one.
   */
  readonly name: string;
  /**
   * Checks payloads where they are enqueued and again where they run. Any Standard Schema (zod,
   * valibot, arktype) that is synchronous. @default none: what the types say is not checked.
   */
  readonly schema?: StandardSchemaV1;
  /** Runs its tasks together, those of many requests: its handler has `runBatch(payloads)`. @default one by one */
  readonly batch?: BatchOptions;
}

/** Options of `defineTask()` for tasks that run in batches. */
export interface BatchedTaskDefinitionOptions extends TaskDefinitionOptions {
  readonly batch: BatchOptions;
}
