import type { Attributes, Exception, SpanOptions } from '@opentelemetry/api';
import type { ObservedTask } from '../contracts/task-events.js';
import { isInstance, safely } from '../errors/safely.js';
import { api } from './load-api.js';

/** The name of the span of a task, and what it begins with. */
export function spanOfTask(task: ObservedTask): { readonly name: string; readonly options: SpanOptions } {
  const { id, name, place } = task;
  const common = {
    'background_task.id': id,
    'background_task.name': name,
    ...(place !== undefined && { 'background_task.place': place }),
  };
  if (task.isNamed) {
    const attributes = { ...common, ...messaging('process', 'process', task) };
    return { name: `process ${name}`, options: { kind: api.SpanKind.CONSUMER, attributes } };
  }
  // The name option of a task may hold an id, of which there is no end.
  const called = task.function ?? name;
  const attributes = { ...common, 'code.function.name': called };
  return { name: called, options: { kind: api.SpanKind.INTERNAL, attributes } };
}

/** The name of the span of a batch, and what it begins with. */
export function spanOfBatch(id: string, name: string, size: number) {
  const attributes = {
    'background_task.batch.id': id,
    'background_task.name': name,
    'messaging.batch.message_count': size,
  };
  return { name: `batch ${name}`, options: { kind: api.SpanKind.INTERNAL, attributes } };
}

/** The name of the span of `enqueue()`, and what it begins with. */
export function spanOfEnqueue(task: Pick<ObservedTask, 'id' | 'name'>) {
  const attributes = { 'background_task.id': task.id, ...messaging('enqueue', 'create', task) };
  return { name: `enqueue ${task.name}`, options: { kind: api.SpanKind.PRODUCER, attributes } };
}

/** The attributes of the semantic conventions for messaging. The name of a named task is where it is sent to. */
function messaging(operation: string, type: string, { id, name }: Pick<ObservedTask, 'id' | 'name'>): Attributes {
  return {
    'messaging.system': 'nestjs-background-tasks',
    'messaging.operation.name': operation,
    'messaging.operation.type': type,
    'messaging.destination.name': name,
    'messaging.message.id': id,
  };
}

/** Error as a span shows it: its name, message and stack. Its other members may hold anything. */
export function exceptionOf(error: unknown): Exception & { readonly name: string; readonly message: string } {
  const name = text(error, 'name') ?? 'Error';
  const message = text(error, 'message') ?? `A thrown ${error === null ? 'null' : typeof error}`;
  const stack = text(error, 'stack');
  return { name, message, ...(stack !== undefined && { stack }) };
}

function text(error: unknown, member: 'name' | 'message' | 'stack'): string | undefined {
  if (!isInstance(error, Error)) return undefined;
  const value = safely<unknown>(() => error[member], undefined);
  return typeof value === 'string' ? value : undefined;
}
