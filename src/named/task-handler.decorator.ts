import type { Type } from '@nestjs/common';
import { wrappersOf } from '../nest/injector.js';
import { needsModule } from '../tasks/registration.js';
import { assertDefinition, type BatchedTaskDefinition, type TaskDefinition } from '../tasks/task-definition.js';

const HANDLED = Symbol('nestjs-background-tasks:handled');

/**
 * Makes a provider the handler of a definition. For each run its request-scoped providers and
 * resources are built anew and disposed afterwards; `REQUEST` in them is the `TaskContext`, or the `BatchContext`.
 *
 * @throws INVALID_OPTION for what is no definition; at start-up NOT_REGISTERED without `BackgroundTasksModule`, and
 * WRONG_HANDLER without the method that its definition asks for
 */
export function TaskHandler<Input, Output>(
  definition: BatchedTaskDefinition<Input, Output>,
): (target: Type<BatchHandlerClass<Output>>) => void;
export function TaskHandler<Input, Output>(
  definition: TaskDefinition<Input, Output>,
): (target: Type<TaskHandlerClass<Output>>) => void;
export function TaskHandler(definition: TaskDefinition) {
  assertDefinition(definition);
  return (target: object): void => Reflect.defineMetadata(HANDLED, definition, target);
}

/** The definition that a class handles itself, not the class it extends. */
export function handledBy(metatype: unknown): TaskDefinition | undefined {
  return typeof metatype === 'function'
    ? (Reflect.getOwnMetadata(HANDLED, metatype) as TaskDefinition | undefined)
    : undefined;
}

/** A class that runs the tasks of one definition. */
export interface TaskHandlerClass<Payload> {
  /**
   * Runs one task. Its result is awaited, and is the `result` of the task's report. An error fails the attempt. The
   * payload is a copy of its own.
   */
  run(payload: Payload): unknown;
}

/** A class that runs the tasks of one definition in batches. */
export interface BatchHandlerClass<Payload> {
  /**
   * Runs the tasks of these payloads, as one unit of work. Its result is awaited and dropped. An error fails the attempt
   * of each of them, a `BatchError` only of those that it names. The payloads are copies of its own.
   */
  runBatch(payloads: readonly Payload[]): unknown;
}

/**
 * Interface that the handler of a definition implements: `class SendInvoiceHandler implements Handles<typeof
 * SendInvoice>`. A definition with `batch` asks for {@link HandlesBatch}.
 */
export type Handles<Definition> =
  Definition extends BatchedTaskDefinition<infer _Input, infer _Output>
    ? never
    : Definition extends TaskDefinition<infer _Input, infer Output>
      ? TaskHandlerClass<Output>
      : never;

/** Interface that the handler of a definition with `batch` implements, in place of {@link Handles}. */
export type HandlesBatch<Definition> =
  Definition extends BatchedTaskDefinition<infer _Input, infer Output> ? BatchHandlerClass<Output> : never;

needsModule((modules) => {
  for (const { token, metatype, name, host } of wrappersOf(modules)) {
    if (handledBy(token) ?? handledBy(metatype)) return `@TaskHandler() ${String(name)} of ${host!.name}`;
  }
  return undefined;
});
