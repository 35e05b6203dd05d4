/**
 * What a log line can say about anything that was thrown, however hostile: `undefined`, a frozen
 * object, an error whose getters throw.
 */
export function errorText(error: unknown): string {
  try {
    if (!(error instanceof Error)) return `a thrown ${error === null ? 'null' : typeof error}: ${String(error)}`;
    const text = String(error.stack ?? error.message);
    return error.cause === undefined ? text : `${text}\n[cause] ${errorText(error.cause)}`;
  } catch {
    return 'an error whose message cannot be read';
  }
}
