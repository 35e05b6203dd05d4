import { isInstance, safely } from '../errors/safely.js';
import type { ErrorRecord } from './records.js';

/** Causes that are kept at most: an error may be its own cause. */
const MAX_CAUSES = 4;
const MAX_LINES = 8;
const MAX_LENGTH = 1_000;
const MAX_LINE_LENGTH = 300;

/** Keeps of an error what the log shows as well: name, message, the first lines of its stack, and its causes. */
export function errorRecord(error: unknown, causes = MAX_CAUSES): ErrorRecord {
  if (!safely(() => isInstance(error, Error), false)) {
    const message = safely(() => String(error), 'a value that cannot be read');
    return {
      name: `a thrown ${error === null ? 'null' : typeof error}`,
      message: message.slice(0, MAX_LENGTH),
      stack: [],
    };
  }
  const thrown = error as Error;
  const cause = safely<unknown>(() => thrown.cause, undefined);
  return {
    name: text(() => thrown.name) || 'Error',
    message: text(() => thrown.message),
    stack: text(() => thrown.stack, Infinity)
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, MAX_LINES)
      .map((line) => line.trim().slice(0, MAX_LINE_LENGTH)),
    ...(cause !== undefined && causes > 0 && { cause: errorRecord(cause, causes - 1) }),
  };
}

/** Reads a member that may be anything. */
function text(read: () => unknown, length = MAX_LENGTH): string {
  return safely(() => {
    const value = read();
    return typeof value === 'string' ? value.slice(0, length) : '';
  }, '');
}
