import type { ObservedResource, ObservedScope } from '../contracts/task-events.js';
import { isPromise } from '../errors/safely.js';
import type { ObservedEvents } from '../observation/observation.js';
import type { Observed } from '../observation/observed-task.js';
import { asyncContext } from '../tasks/async-context.js';
import type { AcquiredResource } from './acquired-resource.js';
import type { Failure } from './disposables.js';
import type { TrackedInstance } from './tracked-instance.js';

/** Tells the observers when the resources and instances of one scope are acquired and released. */
export class ResourceEvents {
  readonly #observed = new Map<Entry, ObservedResource>();

  constructor(
    private readonly events: ObservedEvents,
    private readonly owner: Observed,
  ) {}

  /** Begins to acquire an entry, and tells when its value is there. */
  acquire(entry: Entry, begin: () => unknown): void {
    const taskId = asyncContext.getStore()?.task?.id;
    const begunAt = performance.now();
    const ended = (failure?: Failure) => {
      // An instance may lack a value and an error: its class could not be built.
      if (!failure && !entry.isHeld) return;
      const about = { ...this.#about(entry), ...(taskId !== undefined && { taskId }) };
      this.events.resourceAcquired.tell({ ...about, durationMs: performance.now() - begunAt, ...failure });
    };
    const construction = begin();
    if (isPromise(construction)) void whenEnded(construction, ended);
    else ended();
  }

  /** Returns a function to call when the entry has been given back. */
  releasing(entry: Entry): (failure?: Failure) => void {
    const begunAt = performance.now();
    return (failure) => {
      if (!entry.isHeld) return;
      this.events.resourceReleased.tell({
        ...this.#about(entry),
        durationMs: performance.now() - begunAt,
        ...failure,
      });
    };
  }

  #about(entry: Entry): { readonly scope: ObservedScope; readonly resource: ObservedResource } {
    let resource = this.#observed.get(entry);
    if (!resource) {
      resource = { id: this.#observed.size + 1, name: entry.rank.name, release: entry.release };
      this.#observed.set(entry, resource);
    }
    return { scope: this.owner.observed!, resource };
  }
}

type Entry = AcquiredResource | TrackedInstance;

/** Only `await` is safe from a promise with a `then` of its own. */
async function whenEnded(construction: Promise<unknown>, ended: (failure?: Failure) => void): Promise<void> {
  let failure: Failure | undefined;
  try {
    await construction;
  } catch (error) {
    failure = { error };
  }
  ended(failure);
}
