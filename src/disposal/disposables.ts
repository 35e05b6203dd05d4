import { AsyncResource } from 'node:async_hooks';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import { DisposeTimeoutError } from '../errors.js';
import { isThenable } from '../is-thenable.js';
import type { InstanceUnderConstruction } from '../nest/instances.js';
import { withinDeadline } from './deadline.js';
import { disposeInstance, isDisposable } from './disposer.js';
import type { ResourceDefinition } from './resource-definition.js';
import { openLease, type ResourceLease } from './resource-lease.js';

/** Where something stands in the order of disposal. */
export interface Rank {
  readonly name: string;
  /** Dependents have a higher value than what they depend on, so higher goes first. */
  value: number;
}

interface Entry {
  readonly rank: Rank;
  readonly release: 'before-response' | 'after-tasks';
  /** While it is under construction, resolves once that has ended, successfully or not. */
  readonly built: () => PromiseLike<unknown> | undefined;
  /** Gives it back; `undefined` if there turned out to be nothing to give back. */
  dispose(outcome: TaskOutcome): unknown;
}

/** What one request has to give back, and the order to do it in. */
export class Disposables {
  #entries: Entry[] = [];
  #leases: Map<ResourceDefinition, unknown> | undefined;
  #context: AsyncResource | undefined;
  #disposing: string | undefined;
  readonly #disposed = new Set<object>();

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
    this.#track({
      rank,
      release: 'after-tasks',
      // In a half-built tree siblings are still under construction after the error was answered.
      built: () => (host.isPending ? host.donePromise : undefined),
      dispose: (outcome) => {
        const { instance } = host;
        if (!host.isConstructorCalled || typeof instance !== 'object' || instance === null) return;
        if (this.#disposed.has(instance) || !isDisposable(instance)) return;
        this.#disposed.add(instance);
        return disposeInstance(instance, outcome);
      },
    });
  }

  /** The resource's one instance, acquired on first use. */
  acquire(definition: ResourceDefinition, rank: Rank, dependencies: readonly unknown[]): unknown {
    const leases = (this.#leases ??= new Map());
    if (leases.has(definition)) return leases.get(definition);
    let lease: ResourceLease | undefined;
    const opening = (async () => {
      lease = await openLease(definition, dependencies);
      return lease.value;
    })();
    leases.set(definition, opening);
    // Whoever asked handles a failure; nobody may have.
    const opened = () => (built = undefined);
    let built: Promise<unknown> | undefined = opening.then(opened, opened);
    this.#track({
      rank,
      release: definition.release,
      built: () => built,
      dispose: (outcome) => lease?.exit(outcome),
    });
    return opening;
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
    await this.#allBuilt();
    for (const entry of dependentsFirst(this.#entries.splice(0))) {
      try {
        await this.#dispose(entry, outcome);
      } catch (error) {
        if (outcome.succeeded || error !== outcome.error) errors.push(error);
      }
    }
    return errors;
  }

  #track(entry: Entry): void {
    // Disposers run where the request's first resource was made, not in whichever event ended the response.
    this.#context ??= new AsyncResource('RequestDisposal', { requireManualDestroy: true });
    this.#entries.push(entry);
  }

  async #dispose(entry: Entry, outcome: TaskOutcome): Promise<void> {
    const giveBack = () => this.#context!.runInAsyncScope(() => entry.dispose(outcome));
    // What is still under construction now hangs, but should it be built after all, it is given back then.
    const built = entry.built();
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
  async #allBuilt(isMeant: (entry: Entry) => boolean = () => true): Promise<void> {
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index]!;
      const built = isMeant(entry) ? entry.built() : undefined;
      if (built) await withinDeadline(built, entry.rank.name, this.timeoutMs).catch(() => undefined);
    }
  }

  async #takeBeforeResponse(): Promise<Entry[]> {
    await this.#allBuilt(isBeforeResponse);
    const [taken, left] = [[] as Entry[], [] as Entry[]];
    for (const entry of this.#entries) (isBeforeResponse(entry) ? taken : left).push(entry);
    this.#entries = left;
    return dependentsFirst(taken);
  }
}

function isBeforeResponse(entry: Entry): boolean {
  return entry.release === 'before-response';
}

/** Dependents first; where the graph does not say, last begun first. */
function dependentsFirst(entries: readonly Entry[]): Entry[] {
  return entries
    .map((entry, index) => ({ entry, index }))
    .sort((a, b) => b.entry.rank.value - a.entry.rank.value || b.index - a.index)
    .map(({ entry }) => entry);
}
