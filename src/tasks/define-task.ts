import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidOptionError } from '../errors.js';
import { type Check, checkAll, group, milliseconds, oneOf } from '../options/checks.js';
import { type CheckedTaskOptions, retryRule, type TaskOptions } from '../options/task-options.js';
import type { BackendSettings } from './backend-settings.js';

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
  readonly name: string;
  readonly schema: StandardSchemaV1<Input, Output> | undefined;
  readonly options: CheckedTaskOptions;
  /** What it says to backends, by their names. */
  readonly settings: Readonly<Record<string, object | undefined>>;
}

/** What a task can be called: nothing that an object has from birth, however a backend may look it up. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/;

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
  const { name, schema, bullmq, ...taskOptions } = checkAll<GivenDefinition>('defineTask', options, {
    name: taskName,
    schema: standardSchema,
    runOn: oneOf('success', 'failure', 'always'),
    onAbort: oneOf('run', 'skip'),
    timeoutMs: milliseconds,
    retry: retryRule,
    dedupe: oneOf('keep-last', 'keep-first'),
    bullmq: group,
  });
  return Object.freeze({
    name: taskName('defineTask.name', name),
    schema,
    options: Object.freeze({ ...taskOptions, name }) as CheckedTaskOptions,
    settings: Object.freeze({ bullmq }),
  });
}

type GivenDefinition = CheckedTaskOptions & { readonly schema?: StandardSchemaV1; readonly bullmq?: object };

const taskName: Check<string> = (option, value) => {
  if (typeof value === 'string' && NAME.test(value) && !(value in Object.prototype)) return value;
  throw new InvalidOptionError(
    option,
    value,
    'Give a name of lower-case letters, digits, ".", "_" and "-", at most 128, that begins with a letter or a digit.',
  );
};

const standardSchema: Check<StandardSchemaV1> = (option, value) => {
  const standard = (value as Partial<StandardSchemaV1> | null)?.['~standard'];
  if (typeof standard?.validate === 'function') return value as StandardSchemaV1;
  throw new InvalidOptionError(option, value, 'Give a Standard Schema: an object of zod 4, valibot, arktype or the like.');
};
