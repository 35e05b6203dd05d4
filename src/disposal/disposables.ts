import { AsyncResource } from 'node:async_hooks';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import { DisposeTimeoutError, ResourceReleasedEarlyError } from '../errors/errors.js';
import { isInstance } from '../errors/safely.js';
import type { TaskEngine } from '../execution/task-engine.js';
import type { Described, DisposalFailure } from '../execution/task-log.js';
import { isThenable } from '../execution/task-result.js';
import { withTimeLimit } from '../execution/time-limit.js';
import type { InstanceRecord } from '../nest/instances.js';
import type { TaskCall } from '../tasks/task-call.js';
import { AcquiredResource } from './acquired-resource.js';
import type { CompiledResource } from './compiled-resource.js';
import type { Rank } from './disposal-plan.js';
import { TrackedInstance } from './tracked-instance.js';

/** The resources and instances of one request that have to be given back. */
export class Disposables {
  #entries: Entry[] = [];
  #resources: Map<CompiledResource, unknown> | undefined;
  /** Every `'before-response'` resource of the request, also those that have been released. */
  #early: AcquiredResource[] | undefined;
  #context: AsyncResource | undefined;
  #disposing: string | undefined;
  #failed: string | undefined;
  #disposed: Set<object> | undefined;

  constructor(
    private readonly engine: TaskEngine,
    private readonly origin: Described,
  ) {}

  /** The name of the resource or instance that is being given back right now. */
  get disposing(): string | undefined {
    return this.#disposing;
  }

  /** The name of the resource or instance whose disposer was the last to throw. */
  get failed(): string | undefined {
    return this.#failed;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Keeps an instance that the injector has begun to build. */
  trackInstance(record: InstanceRecord, rank: Rank): void {
    this.#track(new TrackedInstance(record, rank, (this.#disposed ??= new Set())));
  }

  /** Gives the request's one instance of the resource. The first call runs its factory. */
  acquire(resource: CompiledResource, dependencies: readonly unknown[]): unknown {
    const resources = (this.#resources ??= new Map());
    if (resources.has(resource)) return resources.get(resource);
    const acquired = new AcquiredResource(resource.definition, resource.rank);
    const value = acquired.acquire(dependencies);
    resources.set(resource, value);
    this.#track(acquired);
    if (isBeforeResponse(acquired)) (this.#early ??= []).push(acquired);
    return value;
  }

  /** Throws RESOURCE_RELEASED_EARLY if a task would use a `'before-response'` resource of this request. */
  assertLastsFor(task: string, { fn, target, args }: TaskCall): void {
    if (!this.#early) return;
    const values = [target ?? fn, ...args];
    const early = this.#early.find((resource) => values.some((value) => resource.is(value)));
    if (early) throw new ResourceReleasedEarlyError(task, early.rank.name);
  }

  get hasBeforeResponse(): boolean {
    return this.#entries.some(isBeforeResponse);
  }

  /**
   * Gives the `'before-response'` resources back, dependents first. Stops at the first that throws: the others stay,
   * and the caller gives them that error.
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
   * Throws the error of the request into the `'before-response'` resources. Resolves with the error to answer, which a
   * resource may replace. A resource that takes too long does not replace it.
   */
  async failBeforeResponse(failure: Failure): Promise<Failure> {
    let answer = failure;
    for (const entry of await this.#takeBeforeResponse()) {
      try {
        await this.#dispose(entry, { succeeded: false, error: answer.error, aborted: false });
      } catch (error) {
        if (isInstance(error, DisposeTimeoutError)) this.#logFailures([{ name: entry.rank.name, error }]);
        else answer = { error };
      }
    }
    return answer;
  }

  /**
   * Disposes of everything, dependents first, one at a time. The request's own error is no failure of a disposer. A
   * resource that a disposer acquires stays: tasks that the disposer adds may use it.
   */
  async disposeAll(outcome: TaskOutcome): Promise<void> {
    const failures: DisposalFailure[] = [];
    if (this.#entries.some((entry) => entry.construction !== undefined)) await this.#constructionEnded();
    for (const entry of dependentsFirst(this.#entries.splice(0))) {
      try {
        await this.#dispose(entry, outcome);
      } catch (error) {
        if (outcome.succeeded || !Object.is(error, outcome.error)) failures.push({ name: entry.rank.name, error });
      }
    }
    if (failures.length > 0) this.#logFailures(failures);
  }

  #track(entry: Entry): void {
    // Disposers run in the async context of the request's first resource, not in that of the response's last event.
    this.#context ??= new AsyncResource('RequestDisposal', { requireManualDestroy: true });
    this.#entries.push(entry);
  }

  async #dispose(entry: Entry, outcome: TaskOutcome): Promise<void> {
    const giveBack = () => this.#context!.runInAsyncScope(() => entry.dispose(outcome));
    // A construction that has not ended by now hangs. If it ends later, its instance is given back then.
    const { construction } = entry;
    this.#disposing = entry.rank.name;
    try {
      const work = construction ? construction.then(giveBack, giveBack) : giveBack();
      // A synchronous disposer needs no timer.
      if (isThenable(work)) await this.#withTimeout(work, entry);
    } catch (error) {
      this.#failed = entry.rank.name;
      throw error;
    } finally {
      this.#disposing = undefined;
    }
  }

  /** Waits until all constructions have ended, those that they begin included. Gives up on one that hangs. */
  async #constructionEnded(isIncluded: (entry: Entry) => boolean = () => true): Promise<void> {
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index]!;
      const construction = isIncluded(entry) ? entry.construction : undefined;
      if (construction) await this.#withTimeout(construction, entry).catch(() => undefined);
    }
  }

  #withTimeout(work: PromiseLike<unknown>, { rank }: Entry): Promise<unknown> {
    const { disposeTimeoutMs } = this.engine.options;
    return withTimeLimit(work, disposeTimeoutMs, () => new DisposeTimeoutError(rank.name, disposeTimeoutMs));
  }

  #logFailures(failures: readonly DisposalFailure[]): void {
    this.engine.log.disposalFailed(failures, this.origin);
  }

  async #takeBeforeResponse(): Promise<Entry[]> {
    await this.#constructionEnded(isBeforeResponse);
    const taken = this.#entries.filter(isBeforeResponse);
    this.#entries = this.#entries.filter((entry) => !isBeforeResponse(entry));
    return dependentsFirst(taken);
  }
}

/**
 * A thrown value. It is wrapped because it may be anything: a promise that is resolved with a thenable waits for it.
 */
export interface Failure {
  readonly error: unknown;
}

type Entry = AcquiredResource | TrackedInstance;

function isBeforeResponse(entry: Entry): boolean {
  return entry.release === 'before-response';
}

/** Sorts dependents first; where the graph does not decide, the last begun first. */
function dependentsFirst(entries: readonly Entry[]): Entry[] {
  return entries.toReversed().sort((a, b) => b.rank.value - a.rank.value);
}
