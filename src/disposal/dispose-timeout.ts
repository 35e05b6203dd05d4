import { DisposeTimeoutError } from '../errors/errors.js';

/** Settles as the work of a disposer does, but rejects with DISPOSE_TIMEOUT after `timeoutMs`. */
export function withinTimeout<T>(work: PromiseLike<T>, name: string, timeoutMs: number): Promise<T> {
  // Written by hand: every request with a resource comes through here, and Promise.race takes several times as long.
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DisposeTimeoutError(name, timeoutMs)), timeoutMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- passed on as it was thrown
        reject(error);
      },
    );
  });
}
