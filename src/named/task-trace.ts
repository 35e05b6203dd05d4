import { InvalidOptionError } from '../errors/errors.js';
import { isPromise } from '../errors/safely.js';
import type { TaskEngine } from '../execution/task-engine.js';
import { copyPayload } from './payload.js';

type Headers = Readonly<Record<string, string>>;

/** Returns the headers of the active trace, if there is one. A tracing that fails costs the trace, not the task. */
export function activeTrace({ options, log }: TaskEngine): Headers | undefined {
  const { tracing, maxPayloadBytes } = options;
  if (!tracing) return undefined;
  try {
    const headers: unknown = tracing.inject();
    if (headers === undefined) return undefined;
    if (isPromise(headers)) headers.catch(() => undefined);
    // Strict JSON, because every backend has to carry it.
    const copy: unknown = copyPayload('A trace', headers, maxPayloadBytes);
    if (isHeaders(copy)) return copy;
    throw new InvalidOptionError('tracing', tracing, 'inject() must return an object of strings.');
  } catch (error) {
    log.traceLost(error);
    return undefined;
  }
}

function isHeaders(value: unknown): value is Headers {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((header) => typeof header === 'string');
}
