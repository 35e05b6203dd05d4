import { lastValueFrom, Observable } from 'rxjs';
import { isThenable } from './is-thenable.js';

/** What there is to wait for in what a task returned. */
export function awaited(result: unknown): Promise<unknown> | undefined {
  if (isThenable(result)) return Promise.resolve(result);
  // As from a handler: HttpService.post() has done nothing until somebody subscribes.
  return result instanceof Observable ? lastValueFrom(result, { defaultValue: undefined }) : undefined;
}
