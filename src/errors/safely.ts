import { types } from 'node:util';
import { isObservable, type Observable } from 'rxjs';

/**
 * Reads something of a value that other code made: a getter or a proxy may throw anything there. Returns `otherwise` if
 * it does.
 */
export function safely<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** Whether a value is an instance of a class. `instanceof` alone throws for some proxies. */
export function isInstance<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** Whether a value is a promise of Node's own, or of a class that extends it. */
export function isPromise(value: unknown): value is Promise<unknown> {
  // The first half saves most values a call into Node.
  return typeof value === 'object' && types.isPromise(value);
}

/** Whether a value is an Observable, of any copy of rxjs. An object may throw where rxjs reads its members. */
export function isStream(value: unknown): value is Observable<unknown> {
  return safely(() => isObservable(value), false);
}

/** Calls back once a promise has settled. Only `await` is safe from a promise with a `then` of its own. */
export async function whenSettled(promise: PromiseLike<unknown>, callback: () => void): Promise<void> {
  try {
    await promise;
  } catch {}
  callback();
}
