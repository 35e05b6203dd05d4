/** Turns the error of a server or its client into a part of a sentence. */
export function failureReason(error: unknown): string {
  const { message, code, errors } = error as Failure;
  // Node tries all addresses of a host, and collects the errors.
  const [first] = errors ?? [];
  if (first !== undefined) return failureReason(first);
  const reason = typeof message === 'string' && message ? message : code;
  return typeof reason === 'string' && reason ? withoutPasswords(reason.replace(/\.$/, '')) : 'it did not say why';
}

/** Hides the part of a URL before its host, which may be a secret. */
export function withoutPasswords(text: string): string {
  return text.replaceAll(/\/\/\S*@/g, '//***@');
}

interface Failure {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly errors?: readonly unknown[];
}
