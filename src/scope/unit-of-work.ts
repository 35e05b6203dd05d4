import type { Failure } from '../disposal/disposables.js';
import type { RequestScope } from './request-scope.js';

/**
 * Gives work that is no HTTP request the life of one: runs it, then its tasks, then disposes. Resolves with what
 * `work` returned once all of that is done; rejects with what it threw, or what a resource's exit threw in its place.
 */
export async function runUnit<T>(scope: RequestScope, work: () => T | Promise<T>): Promise<T> {
  let result: { value: T } | Failure;
  try {
    const value = await work();
    await scope.beforeResponse();
    result = { value };
  } catch (error) {
    result = (await scope.fail(error)) ?? { error };
  }
  await new Promise<void>((resolve) => {
    scope.onClosed(resolve);
    scope.end(false);
  });
  if ('error' in result) throw result.error;
  return result.value;
}
