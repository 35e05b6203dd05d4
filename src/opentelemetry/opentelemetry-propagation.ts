import { createRequire } from 'node:module';
import type { TracePropagation } from '../contracts/trace-propagation.js';
import { missingPackage } from '../errors/missing-package.js';

const { context, propagation } = loadApi();

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

/** Not imported, so that a program without the package gets MISSING_PACKAGE, and not an error of Node in our file. */
function loadApi(): typeof import('@opentelemetry/api') {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as typeof import('@opentelemetry/api');
  } catch (error) {
    return missingPackage('"nestjs-background-tasks/opentelemetry"', ['@opentelemetry/api'])(error);
  }
}
