import type { TaskTracing } from '../contracts/task-tracing.js';
import { InvalidOptionError } from '../errors/errors.js';
import { isPromise } from '../errors/safely.js';
import type { TaskEngine } from './task-engine.js';

/**
 * Calls `work` once, as a part of what `wrap` has the tracing begin, and returns or throws as `work` does. A tracing that
 * fails costs the trace, not the task.
 */
export function traced<T>(
  { options: { tracing }, log }: TaskEngine,
  wrap: (tracing: TaskTracing, work: () => void) => unknown,
  work: () => T,
): T {
  if (!tracing) return work();
  let end: (() => T) | undefined;
  const once = () => void (end ??= endOf(work));
  try {
    const returned = wrap(tracing, once);
    if (isPromise(returned)) returned.catch(() => undefined);
    if (!end) throw new InvalidOptionError('tracing', tracing, 'Each method must call its `work` before it returns.');
  } catch (error) {
    log.traceLost(error);
  }
  return (end ??= endOf(work))();
}

/** Calls `work`, and returns a function that returns or throws the same. An error of it is none of the tracing. */
function endOf<T>(work: () => T): () => T {
  try {
    const value = work();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
