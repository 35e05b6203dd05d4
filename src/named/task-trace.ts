import { InvalidOptionError } from '../errors/errors.js';
import { isPromise } from '../errors/safely.js';
import type { TaskEngine } from '../execution/task-engine.js';
import { copyPayload } from './payload.js';

type Headers = Readonly<Record<string, string>>;

/** Returns the headers of the active trace, if there is one. A propagation that fails costs the trace, not the task. */
export function activeTrace({ options, log }: TaskEngine): Headers | undefined {
  const { tracePropagation, maxPayloadBytes } = options;
  if (!tracePropagation) return undefined;
  try {
    const headers: unknown = tracePropagation.inject();
    if (headers === undefined) return undefined;
    ignoreRejection(headers);
    // Strict JSON, because every backend has to carry it.
    const copy: unknown = copyPayload('A trace', headers, maxPayloadBytes);
    if (isHeaders(copy)) return copy;
    throw new InvalidOptionError('tracePropagation', tracePropagation, 'inject() must return an object of strings.');
  } catch (error) {
    log.traceLost(error);
    return undefined;
  }
}

/** Calls `make` once, as part of the trace if it can be, and returns what that returns. */
export function inTrace<T>({ options, log }: TaskEngine, trace: Headers | undefined, make: () => T): T {
  const { tracePropagation } = options;
  if (!trace || !tracePropagation) return make();
  let made: { readonly value: T } | undefined;
  const makeOnce = () => (made ??= { value: make() }).value;
  try {
    ignoreRejection(tracePropagation.extract<unknown>(trace, makeOnce));
    if (!made) {
      const fix = 'extract() must call its second argument before it returns.';
      throw new InvalidOptionError('tracePropagation', tracePropagation, fix);
    }
  } catch (error) {
    log.traceLost(error);
  }
  return makeOnce();
}

function isHeaders(value: unknown): value is Headers {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((header) => typeof header === 'string');
}

/** Handles the rejection of a promise where none should be. */
function ignoreRejection(value: unknown): void {
  if (isPromise(value)) value.catch(() => undefined);
}
