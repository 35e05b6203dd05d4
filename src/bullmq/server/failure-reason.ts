/** Makes a part of a sentence from the error of a server or its client. */
export function failureReason(error: unknown): string {
  const { message, code, errors } = error as SaysWhy;
  // Node tries several addresses of a host.
  const [first] = errors ?? [];
  if (first !== undefined) return failureReason(first);
  const reason = typeof message === 'string' && message ? message : code;
  return typeof reason === 'string' && reason ? withoutPasswords(reason.replace(/\.$/, '')) : 'it did not say why';
}

/** Hides the part of a URL before its host, which may be a secret. */
export function withoutPasswords(text: string): string {
  return text.replaceAll(/\/\/\S*@/g, '//***@');
}

interface SaysWhy {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly errors?: readonly unknown[];
}
