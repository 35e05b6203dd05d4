import { isInstance, safely } from '../errors/safely.js';

/** Causes that are shown at most: an error may be its own cause. */
const MAX_CAUSES = 8;

/**
 * Describes anything that was thrown for a log line, however hostile: `undefined`, a frozen
 * object, an error whose getters throw.
 */
export function errorText(error: unknown, causes = MAX_CAUSES): string {
  const text = safely(() => ownText(error), 'an error whose message cannot be read');
  const cause = safely(() => (isInstance(error, Error) ? error.cause : undefined), undefined);
  return cause === undefined || causes === 0 ? text : `${text}\n[cause] ${errorText(cause, causes - 1)}`;
}

function ownText(error: unknown): string {
  if (!isInstance(error, Error)) return `a thrown ${error === null ? 'null' : typeof error}: ${String(error)}`;
  const stack = safely<unknown>(() => error.stack, undefined);
  // oxlint-disable-next-line typescript/no-unnecessary-type-conversion -- a hostile message is not a string
  return typeof stack === 'string' ? stack : String(error.message);
}
