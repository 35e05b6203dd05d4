import { isObservable, lastValueFrom, type Observable } from 'rxjs';
import { isThenable } from './is-thenable.js';

/** Returns a promise of what a task returned, or `undefined` if there is nothing to wait for. */
export function promiseOfResult(result: unknown): Promise<unknown> | undefined {
  if (isThenable(result)) return Promise.resolve(result);
  // As from a handler: HttpService.post() has done nothing until somebody subscribes.
  return isStream(result) ? lastValueFrom(result, { defaultValue: undefined }) : undefined;
}

/** An object may throw at the members that rxjs looks for. It is no stream then, and no failure either. */
function isStream(result: unknown): result is Observable<unknown> {
  try {
    return isObservable(result);
  } catch {
    return false;
  }
}
