/** What a server or its client said, for a sentence of ours. */
export function failureReason(error: unknown): string {
  const { message, code, errors } = error as SaysWhy;
  // Node tries several addresses of a host.
  const [first] = errors ?? [];
  if (first !== undefined) return failureReason(first);
  const reason = typeof message === 'string' && message ? message : code;
  return typeof reason === 'string' && reason ? reason.replace(/\.$/, '') : 'it did not say why';
}

interface SaysWhy {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly errors?: readonly unknown[];
}
