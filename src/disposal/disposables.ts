import { AsyncResource } from 'node:async_hooks';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import { DisposeTimeoutError } from '../errors/errors.js';
import { isThenable } from '../execution/is-thenable.js';
import type { InstanceUnderConstruction } from '../nest/instances.js';
import { withinDeadline } from './deadline.js';
import { type DisposableEntry, isBeforeResponse, type Rank } from './disposable-entry.js';
import type { ResourceDefinition } from './resource-definition.js';
import { ResourceLease } from './resource-lease.js';
import { TrackedInstance } from './tracked-instance.js';

/** What one request has to give back, and the order to do it in. */
export class Disposables {
  #entries: DisposableEntry[] = [];
  #resources: Map<ResourceDefinition, unknown> | undefined;
  #context: AsyncResource | undefined;
  #disposing: string | undefined;
  #disposed: Set<object> | undefined;

  constructor(private readonly timeoutMs: number) {}

  /** The name of what is being given back right now. */
  get disposing(): string | undefined {
    return this.#disposing;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Keeps an instance that the injector has begun to build. */
  trackInstance(host: InstanceUnderConstruction, rank: Rank): void {
    this.#track(new TrackedInstance(host, rank, (this.#disposed ??= new Set())));
  }

  /** The resource's one instance, acquired on first use. */
  acquire(definition: ResourceDefinition, rank: Rank, dependencies: readonly unknown[]): unknown {
    const resources = (this.#resources ??= new Map());
    if (resources.has(definition)) return resources.get(definition);
    const lease = new ResourceLease(definition, rank);
    const resource = lease.open(dependencies);
    resources.set(definition, resource);
    this.#track(lease);
    return resource;
  }

  get hasBeforeResponse(): boolean {
    return this.#entries.some(isBeforeResponse);
  }

  /**
   * Exits the `'before-response'` resources, dependents first. The first that throws ends it: the
   * others stay open, for the caller to exit them with that error.
   */
  async exitBeforeResponse(outcome: TaskOutcome): Promise<void> {
    const entries = await this.#takeBeforeResponse();
    for (let entry = entries.shift(); entry; entry = entries.shift()) {
      try {
        await this.#dispose(entry, outcome);
      } catch (error) {
        this.#entries.push(...entries.reverse());
        throw error;
      }
    }
  }

  /**
   * Exits the `'before-response'` resources with the error of the request. Resolves with the error
   * to answer: what an exit threw in its place, but not that an exit took too long, which says
   * nothing about the request and goes to `timedOut`.
   */
  async failBeforeResponse(error: unknown, timedOut: (error: DisposeTimeoutError) => void): Promise<unknown> {
    let answer = error;
    for (const entry of await this.#takeBeforeResponse()) {
      try {
        await this.#dispose(entry, { succeeded: false, error: answer, aborted: false });
      } catch (exitError) {
        if (exitError instanceof DisposeTimeoutError) timedOut(exitError);
        else answer = exitError;
      }
    }
    return answer;
  }

  /**
   * Disposes what there is, dependents first, each awaited. Returns what was thrown, less the
   * request's own error. What a disposer acquires stays, for the tasks that it adds.
   */
  async disposeAll(outcome: TaskOutcome): Promise<unknown[]> {
    const errors: unknown[] = [];
    if (this.#entries.some(isUnderConstruction)) await this.#allBuilt();
    for (const entry of dependentsFirst(this.#entries.splice(0))) {
      try {
        await this.#dispose(entry, outcome);
      } catch (error) {
        if (outcome.succeeded || error !== outcome.error) errors.push(error);
      }
    }
    return errors;
  }

  #track(entry: DisposableEntry): void {
    // Disposers run where the request's first resource was made, not in whichever event ended the response.
    this.#context ??= new AsyncResource('RequestDisposal', { requireManualDestroy: true });
    this.#entries.push(entry);
  }

  async #dispose(entry: DisposableEntry, outcome: TaskOutcome): Promise<void> {
    const giveBack = () => this.#context!.runInAsyncScope(() => entry.dispose(outcome));
    // What is still under construction now hangs, but should it be built after all, it is given back then.
    const { built } = entry;
    this.#disposing = entry.rank.name;
    try {
      const work = built ? built.then(giveBack, giveBack) : giveBack();
      // A disposer that is synchronous has no use for a timer.
      if (isThenable(work)) await withinDeadline(work, entry.rank.name, this.timeoutMs);
    } finally {
      this.#disposing = undefined;
    }
  }

  /** Waits for what is under construction, and for what that goes on to construct; not for what hangs. */
  async #allBuilt(isMeant: (entry: DisposableEntry) => boolean = () => true): Promise<void> {
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index]!;
      const built = isMeant(entry) ? entry.built : undefined;
      if (built) await withinDeadline(built, entry.rank.name, this.timeoutMs).catch(() => undefined);
    }
  }

  async #takeBeforeResponse(): Promise<DisposableEntry[]> {
    await this.#allBuilt(isBeforeResponse);
    const [taken, left] = [[] as DisposableEntry[], [] as DisposableEntry[]];
    for (const entry of this.#entries) (isBeforeResponse(entry) ? taken : left).push(entry);
    this.#entries = left;
    return dependentsFirst(taken);
  }
}

function isUnderConstruction(entry: DisposableEntry): boolean {
  return entry.built !== undefined;
}

/** Dependents first; where the graph does not say, last begun first. */
function dependentsFirst(entries: readonly DisposableEntry[]): DisposableEntry[] {
  return entries
    .map((entry, index) => ({ entry, index }))
    .sort((a, b) => b.entry.rank.value - a.entry.rank.value || b.index - a.index)
    .map(({ entry }) => entry);
}
