import { RATE_LIMIT_ERROR, UnrecoverableError } from 'bullmq';
import { errorText } from '../../execution/error-text.js';

/** What is kept of an error, with each of up to ten attempts: enough to find it in the log. */
const MAX_CHARACTERS = 2_048;
const MAX_LINES = 10;

/**
 * What a task threw, as an error that BullMQ can store. It takes an error by its name, or by one
 * message, for an order of its own, and leaves the job active for ever where it finds no error at all.
 */
export function jobFailure(thrown: unknown): Error {
  const { name, message: said, stack } = textsOf(thrown);
  const message = said === RATE_LIMIT_ERROR ? `Error: ${said}` : said;
  const failure = name === 'UnrecoverableError' ? new UnrecoverableError(message) : new Error(message);
  Object.defineProperty(failure, 'stack', { value: stack, configurable: true, writable: true });
  return failure;
}

function textsOf(thrown: unknown): { name: string; message: string; stack: string } {
  try {
    if (thrown instanceof Error) {
      // The members of a hostile error are not what they should be.
      const { name, message, stack } = thrown as { readonly [K in keyof Error]: unknown };
      return { name: String(name), message: storable(String(message)), stack: storable(String(stack)) };
    }
  } catch {}
  const text = storable(errorText(thrown));
  return { name: 'Error', message: text, stack: text };
}

/** PostgreSQL takes neither a NUL nor half of a pair, which the cut may leave. */
function storable(text: string): string {
  const lines = text.slice(0, MAX_CHARACTERS).split('\n', MAX_LINES);
  return lines.join('\n').replaceAll('\0', '\ufffd').toWellFormed();
}
