import { context, propagation } from '@opentelemetry/api';
import type { TracePropagation } from '../contracts/trace-propagation.js';

/**
 * For the `tracePropagation` option: a named task on a backend is part of the trace it was enqueued
 * in, and its handler sees that trace's baggage. Uses the propagator and the context manager that the
 * application has registered; without them nothing travels.
 */
export const openTelemetryPropagation: TracePropagation = {
  inject() {
    const headers: Record<string, string> = {};
    // A propagator of the application's own may set anything, and a worker takes nothing but text.
    propagation.inject(context.active(), headers, {
      set: (all, key, value: unknown) => void (all[key] = String(value)),
    });
    return Object.keys(headers).length > 0 ? headers : undefined;
  },
  extract: (headers, work) => context.with(propagation.extract(context.active(), headers), work),
};
