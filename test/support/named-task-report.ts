import type { NamedTaskReport } from '../../src/index.js';

/** A report for a backend of a test to tell. */
export function namedTaskReport(facts: Partial<NamedTaskReport> = {}): NamedTaskReport {
  return { id: '42', name: 'work', state: 'waiting', attempts: 0, progress: 0, enqueuedAt: 1_000, ...facts };
}
