import type { NamedTaskError } from '../contracts/named-task-report.js';
import type { JsonValue } from '../contracts/task-envelope.js';
import { isInstance, safely } from '../errors/safely.js';

/**
 * Copies what a handler returned, or gave to `progress()`, as JSON shows it: a date is a string. `problem` tells why a
 * report cannot hold it.
 */
export function reportedValue(value: unknown, maxBytes: number): ReportedValue {
  const text = safely<string | undefined>(() => JSON.stringify(value), UNREADABLE);
  if (text === undefined) return { value: undefined };
  if (text === UNREADABLE) return { problem: 'JSON cannot say it' };
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) return { problem: `it takes ${bytes} bytes, and maxPayloadBytes is ${maxBytes}` };
  if (NOT_STORABLE.test(text)) return { problem: 'it has a lone surrogate or a NUL character' };
  return { value: JSON.parse(text) as JsonValue };
}

type ReportedValue =
  { readonly value: JsonValue | undefined; readonly problem?: undefined } | { readonly problem: string };

/** The text of no JSON. */
const UNREADABLE = '';

/** An escape of what PostgreSQL does not store. `JSON.stringify()` escapes a surrogate only if it is alone. */
const NOT_STORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/** Describes an error for a report, however hostile it is. */
export function reportedError(error: unknown): NamedTaskError {
  if (!isInstance(error, Error)) {
    return { name: 'Error', message: safely(() => String(error), 'a value that cannot be read').slice(0, MAX_MESSAGE) };
  }
  const { code } = codeOf(error);
  // The members of a hostile error may be anything.
  const members = error as { readonly [K in keyof Error]: unknown };
  const name = safely(() => String(members.name), 'Error');
  const message = safely(() => String(members.message), 'an error whose message cannot be read').slice(0, MAX_MESSAGE);
  return { name, message, ...(code !== undefined && { code }) };
}

/** Reads the code of an error, if it is one that a line of text can show. */
export function codeOf(error: unknown): { readonly code?: string } {
  const code = safely<unknown>(() => (error as { readonly code?: unknown }).code, undefined);
  const text = typeof code === 'number' ? String(code) : code;
  return typeof text === 'string' && CODE.test(text) ? { code: text } : {};
}

const CODE = /^[\w.-]{1,64}$/;
const MAX_MESSAGE = 2_048;
