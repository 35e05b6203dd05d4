/** Causes that are shown at most: an error may be its own cause. */
const MAX_CAUSES = 8;

/**
 * Describes anything that was thrown for a log line, however hostile: `undefined`, a frozen
 * object, an error whose getters throw.
 */
export function errorText(error: unknown, causes = MAX_CAUSES): string {
  try {
    if (!(error instanceof Error)) return `a thrown ${error === null ? 'null' : typeof error}: ${String(error)}`;
    // oxlint-disable-next-line typescript/no-unnecessary-type-conversion -- a hostile stack is not a string
    const text = String(error.stack ?? error.message);
    return error.cause === undefined || causes === 0 ? text : `${text}\n[cause] ${errorText(error.cause, causes - 1)}`;
  } catch {
    return 'an error whose message cannot be read';
  }
}
