import { DisposeTimeoutError } from '../errors.js';

/** Awaits what a disposer returned, for at most `timeoutMs`. Throws what it threw, or DISPOSE_TIMEOUT. */
export async function withinDeadline<T>(work: T | PromiseLike<T>, name: string, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DisposeTimeoutError(name, timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
