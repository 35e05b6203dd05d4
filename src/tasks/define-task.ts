import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidOptionError } from '../errors/errors.js';
import { type Check, checkAll, group, milliseconds, oneOf } from '../options/checks.js';
import { type CheckedTaskOptions, retryRule, type TaskOptions } from '../options/task-options.js';
import type { BackendSettings } from './backend-settings.js';
import { isTaskName } from './task-name.js';

/** What `defineTask` takes: a name, how to check a payload, and the options of each of its tasks. */
export interface TaskDefinitionOptions extends Omit<TaskOptions, 'name'>, BackendSettings {
  /**
   * What the task is called in every process and every log: lower-case letters, digits, `.`, `_` and
   * `-`, at most 128, the first a letter or a digit. Tasks that wait carry it, so a renamed task is a new one.
   */
  readonly name: string;
  /**
   * Checks payloads where they are enqueued and again where they run. Any Standard Schema (zod,
   * valibot, arktype) that is synchronous. @default none: what the types say is not checked.
   */
  readonly schema?: StandardSchemaV1;
}

/** A task that is known by its name, so that another process can run it. */
export interface TaskDefinition<Input = unknown, Output = Input> {
  /** What it is called in every process. */
  readonly name: string;
  /** What checks its payloads. */
  readonly schema: StandardSchemaV1<Input, Output> | undefined;
  /** What holds for each of its tasks where `enqueue` says nothing else. */
  readonly options: CheckedTaskOptions;
  /** What it says to the backend, which checks it when the application starts. */
  readonly bullmq: object | undefined;
}

/**
 * Defines a named task: what `enqueue` is given, and what `@TaskHandler` is for.
 *
 * ```ts
 * export const SendInvoice = defineTask<{ orderId: string }>({ name: 'send-invoice', timeoutMs: 30_000 });
 * ```
 *
 * @throws INVALID_OPTION
 */
export function defineTask<Schema extends StandardSchemaV1>(
  options: TaskDefinitionOptions & { readonly schema: Schema },
): TaskDefinition<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>>;
export function defineTask<Payload>(
  options: TaskDefinitionOptions & { readonly schema?: StandardSchemaV1<Payload> },
): TaskDefinition<Payload>;
export function defineTask(options: TaskDefinitionOptions): TaskDefinition {
  const { name, schema, bullmq, ...taskOptions } = checkAll<GivenDefinition>(
    'defineTask',
    options,
    {
      name: taskName,
      schema: standardSchema,
      runOn: oneOf('success', 'failure', 'always'),
      onAbort: oneOf('run', 'skip'),
      timeoutMs: milliseconds,
      retry: retryRule,
      dedupe: oneOf('keep-last', 'keep-first'),
      bullmq: group,
    },
    ['name'],
  );
  return Object.freeze({
    name,
    schema,
    options: Object.freeze({ ...taskOptions, name }),
    bullmq,
  });
}

type GivenDefinition = CheckedTaskOptions & {
  readonly name: string;
  readonly schema?: StandardSchemaV1;
  readonly bullmq?: object;
};

const taskName: Check<string> = (option, value) => {
  if (isTaskName(value)) return value;
  throw new InvalidOptionError(
    option,
    value,
    'Give a name of lower-case letters, digits, ".", "_" and "-", at most 128, that begins with a letter or a digit.',
  );
};

/** For what types cannot see: a definition that is `undefined` yet, because files import each other in a circle. */
export function assertDefinition(value: unknown): asserts value is TaskDefinition {
  const { name, options } = (value ?? {}) as Partial<TaskDefinition>;
  if (typeof name === 'string' && typeof options === 'object') return;
  throw new InvalidOptionError(
    'definition',
    value,
    'Give what defineTask() returned. Where it is undefined, files import each other in a circle: give it a file of its own.',
  );
}

const standardSchema: Check<StandardSchemaV1> = (option, value) => {
  const standard = (value as Partial<StandardSchemaV1> | null)?.['~standard'];
  if (typeof standard?.validate === 'function') return value as StandardSchemaV1;
  throw new InvalidOptionError(
    option,
    value,
    'Give a Standard Schema: an object of zod 4, valibot, arktype or the like.',
  );
};
