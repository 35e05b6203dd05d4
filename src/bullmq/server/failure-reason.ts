import { safely } from '../../errors/safely.js';

/** Turns the error of a server or its client into a part of a sentence. */
export function failureReason(error: unknown): string {
  const reason = safely(() => messageOf(error as Failure), undefined);
  return reason ? withoutPasswords(reason.replace(/\.$/, '')) : 'it did not say why';
}

function messageOf({ message, code, errors }: Failure, depth = 0): string | undefined {
  // Node tries all addresses of a host, and collects the errors.
  if (Array.isArray(errors) && errors.length > 0 && depth < MAX_DEPTH)
    return messageOf(errors[0] as Failure, depth + 1);
  const reason = typeof message === 'string' && message ? message : code;
  return typeof reason === 'string' ? reason : undefined;
}

/** An error may be one of its own. */
const MAX_DEPTH = 5;

/** Hides the part of a URL before its host, which may be a secret. */
export function withoutPasswords(text: string): string {
  return text.replaceAll(/\/\/\S*@/g, '//***@');
}

interface Failure {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly errors?: unknown;
}
