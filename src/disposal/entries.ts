import type { TaskOutcome } from '../contracts/task-outcome.js';
import { isInstance } from '../errors/safely.js';
import { AcquiredResource } from './acquired-resource.js';
import type { TrackedInstance } from './tracked-instance.js';

/** Things that a request has to give back. */
export type Entry = AcquiredResource | TrackedInstance;

/** Whether it is given back before the response. */
export function isBeforeResponse(entry: Entry): boolean {
  return entry.release === 'before-response';
}

/** Whether it can carry the named tasks of the request. */
export function hasTransaction(entry: Entry): entry is AcquiredResource {
  return isInstance(entry, AcquiredResource) && entry.hasTransaction;
}

/** Waits for an instance that the injector has just begun. It says so itself a moment later. */
export async function constructed(instance: TrackedInstance): Promise<void> {
  await Promise.resolve();
  await instance.construction;
}

/** Whether it is the error that the request itself ended with. */
export function isOf(outcome: TaskOutcome, error: unknown): boolean {
  return !outcome.succeeded && Object.is(error, outcome.error);
}

/** Sorts dependents first; where the graph does not decide, the last begun first. */
export function dependentsFirst(entries: Entry[]): Entry[] {
  return entries.length < 2 ? entries : entries.toReversed().sort((a, b) => b.rank.value - a.rank.value);
}
