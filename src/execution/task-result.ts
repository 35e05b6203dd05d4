import type { Observable } from 'rxjs';
import { isPromise, isStream } from '../errors/safely.js';

/**
 * Returns a promise of what a task returned, or `undefined` if there is nothing to wait for. An Observable is
 * unsubscribed, and the promise rejects, when the signal aborts.
 */
export function promiseOfResult(
  result: unknown,
  attempt: { readonly signal: AbortSignal },
): Promise<unknown> | undefined {
  if (isThenable(result)) return Promise.resolve(result);
  // As Nest does for a handler: HttpService.post() sends nothing before somebody subscribes.
  return isStream(result) ? endOf(result, attempt.signal) : undefined;
}

function endOf(stream: Observable<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const subscription = stream.subscribe({ error: reject, complete: resolve });
    const stop = () => {
      reject(signal.reason as Error);
      subscription.unsubscribe();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** Whether something can be awaited: a promise, or anything else with a `then`. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    isPromise(value) ||
    (value !== null &&
      (typeof value === 'object' || typeof value === 'function') &&
      typeof (value as { then?: unknown }).then === 'function')
  );
}
