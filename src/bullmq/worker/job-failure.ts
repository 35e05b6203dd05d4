import { RATE_LIMIT_ERROR, UnrecoverableError } from 'bullmq';
import { isInstance } from '../../errors/safely.js';
import { errorText } from '../../execution/error-text.js';
import { stackWithCode } from '../server/job-end.js';

/**
 * Turns whatever a task threw into an error that BullMQ can store. BullMQ gives some names, and one message, a meaning
 * of its own, and leaves a job active for ever if its task threw no error.
 */
export function jobFailure(thrown: unknown): Error {
  const { name, message: said, stack } = textsOf(thrown);
  const message = said === RATE_LIMIT_ERROR ? `Error: ${said}` : said;
  const failure = name === 'UnrecoverableError' ? new UnrecoverableError(message) : new Error(message);
  Object.defineProperty(failure, 'stack', { value: stack, configurable: true, writable: true });
  return failure;
}

/** Whether BullMQ tries a task again that threw this. */
export function isRetriable(thrown: unknown): boolean {
  return !isInstance(jobFailure(thrown), UnrecoverableError);
}

function textsOf(thrown: unknown): { name: string; message: string; stack: string } {
  try {
    if (thrown instanceof Error) {
      // The members of a hostile error may be anything.
      const { name, message, stack } = thrown as { readonly [K in keyof Error]: unknown };
      const text = stackWithCode(String(stack), thrown);
      return { name: String(name), message: storable(String(message)), stack: storable(text) };
    }
  } catch {}
  const text = storable(errorText(thrown));
  return { name: 'Error', message: text, stack: text };
}

/** Cuts the text. PostgreSQL takes neither a NUL nor half of a surrogate pair, which the cut may leave. */
function storable(text: string): string {
  const lines = text.slice(0, MAX_CHARACTERS).split('\n', MAX_LINES);
  return lines.join('\n').replaceAll('\0', '\ufffd').toWellFormed();
}

/** The part of an error that is kept with each attempt: enough to find it in the log. */
const MAX_CHARACTERS = 2_048;
const MAX_LINES = 10;
