import { context, propagation } from '@opentelemetry/api';
import type { TracePropagation } from '../contracts/trace-propagation.js';

/**
 * A value for the `tracePropagation` option: a named task on a backend becomes part of the trace in which it was
 * enqueued, and its handler sees that trace's baggage. It needs a propagator and a context manager that the application
 * has registered, and does nothing without them.
 */
export const openTelemetryPropagation: TracePropagation = {
  inject() {
    const headers: Record<string, string> = {};
    // A custom propagator may set anything, and a worker takes only strings.
    propagation.inject(context.active(), headers, {
      set: (all, key, value: unknown) => void (all[key] = String(value)),
    });
    return Object.keys(headers).length > 0 ? headers : undefined;
  },
  extract: (headers, work) => context.with(propagation.extract(context.active(), headers), work),
};
