import type { ObservedTask } from '../contracts/task-events.js';
import type { TaskTracing } from '../contracts/task-tracing.js';
import { safely } from '../errors/safely.js';

/** Returns the id of the trace of a task, or of the active trace. */
export type TraceIdOf = (task?: ObservedTask) => string | undefined;

const MAX_LENGTH = 100;

/** Returns what asks the tracing of the application. One that fails costs the id, and nothing else. */
export function traceIdsOf(tracing: TaskTracing | undefined): TraceIdOf {
  if (typeof tracing?.traceId !== 'function') return () => undefined;
  return (task) =>
    safely(() => {
      const id: unknown = tracing.traceId!(task);
      return typeof id === 'string' ? id.slice(0, MAX_LENGTH) : undefined;
    }, undefined);
}
