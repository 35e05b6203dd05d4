import type { NamedTaskError } from '../../contracts/named-task-report.js';
import { codeOf } from '../../named/reported-value.js';

/** The reason for which a job has failed whose task was cancelled. */
export const CANCELLED = 'The task was cancelled.';

/** The error with which such a job ends. BullMQ knows its name, and tries the job no more. */
export function cancellation(): Error {
  return Object.assign(new Error(CANCELLED), { name: 'UnrecoverableError' });
}

/** Marks the data of a job: its task is to begin no other attempt. The mark is the last member. */
export function marked(data: unknown): unknown {
  return isObject(data) ? { ...data, cancelled: true } : data;
}

export function hasMark(data: unknown): boolean {
  return isObject(data) && (data as { readonly cancelled?: unknown }).cancelled === true;
}

/** The end of the JSON of data that are marked. */
export const MARK = '"cancelled":true}';

/** Adds the code of an error to its stack, in which the job keeps it, where Node shows those of its own errors. */
export function stackWithCode(stack: string, error: unknown): string {
  const { code } = codeOf(error);
  return code === undefined ? stack : stack.replace(/^[\w$]+(?=: )/, (name) => `${name} [${code}]`);
}

/** Reads the error of a job from its reason and its last stack. */
export function readFailure(message: string, stack: string | undefined): NamedTaskError {
  const [, name = 'Error', code] = /^([\w$]+)(?: \[([\w.-]+)\])?: /.exec(stack ?? '') ?? [];
  return { name, message, ...(code !== undefined && { code }) };
}

function isObject(data: unknown): data is object {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}
