import { AsyncResource } from 'node:async_hooks';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { Transaction } from '../contracts/transaction.js';
import { DisposeTimeoutError, ResourceReleasedEarlyError } from '../errors/errors.js';
import { isInstance } from '../errors/safely.js';
import type { TaskEngine } from '../execution/task-engine.js';
import type { Described, DisposalFailure } from '../execution/task-log.js';
import { isThenable } from '../execution/task-result.js';
import { TimeLimit } from '../execution/time-limit.js';
import type { InstanceRecord } from '../nest/instances.js';
import type { Observed } from '../observation/observed-task.js';
import type { TaskCall } from '../tasks/task-call.js';
import { AcquiredResource } from './acquired-resource.js';
import type { CompiledResource } from './compiled-resource.js';
import type { Rank } from './disposal-plan.js';
import { constructed, dependentsFirst, type Entry, hasTransaction, isBeforeResponse, isOf } from './entries.js';
import { ResourceEvents } from './resource-events.js';
import { TrackedInstance } from './tracked-instance.js';

/** The resources and instances of one request that have to be given back. */
export class Disposables {
  #entries: Entry[] = [];
  /** Every resource of the request, also those that have been given back. */
  readonly #resources: AcquiredResource[] = [];
  #context: AsyncResource | undefined;
  #disposing: string | undefined;
  #failed: string | undefined;
  #disposed: Set<object> | undefined;
  /** Made when something is told for the first time. */
  #events: ResourceEvents | undefined;

  constructor(
    private readonly engine: TaskEngine,
    private readonly owner: Observed & { readonly origin: Described },
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
    const instance = new TrackedInstance(record, rank, (this.#disposed ??= new Set()));
    this.#track(instance);
    if (this.engine.events.resourceAcquired.isHeard) this.#told.acquire(instance, () => constructed(instance));
  }

  /** Gives the request's one instance of the resource. The first call runs its factory. */
  acquire(resource: CompiledResource, dependencies: readonly unknown[]): unknown {
    // A request has few, so a list is faster than a map.
    const known = this.#resources.find((each) => each.resource === resource);
    if (known) return known.acquired;
    const acquired = new AcquiredResource(resource);
    if (this.engine.events.resourceAcquired.isHeard) this.#told.acquire(acquired, () => acquired.acquire(dependencies));
    else acquired.acquire(dependencies);
    this.#resources.push(acquired);
    this.#track(acquired);
    return acquired.acquired;
  }

  /** Throws RESOURCE_RELEASED_EARLY if a task would use a `'before-response'` resource of this request. */
  assertLastsFor(task: string, { fn, target, args }: TaskCall): void {
    const early = this.#resources.find(
      (each) => isBeforeResponse(each) && (each.is(target ?? fn) || args.some((value) => each.is(value))),
    );
    if (early) throw new ResourceReleasedEarlyError(task, early.rank.name);
  }

  get hasBeforeResponse(): boolean {
    return this.#entries.some(isBeforeResponse);
  }

  /**
   * Gives the `'before-response'` resources back, dependents first. Stops at the first that throws: the others stay,
   * and the caller gives them that error. Of those with a transaction, the last to exit carries the named tasks, so
   * that they exist only if all exits before it succeed. `carry` inserts them, and then calls back to commit.
   */
  async exitBeforeResponse(
    outcome: TaskOutcome,
    carry: (transaction: Transaction, commit: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const limit = this.#timeLimit();
    const entries = await this.#takeBeforeResponse(limit);
    const keepFrom = (index: number) => this.#entries.push(...entries.slice(index).reverse());
    const exit = (from: number, to?: number) =>
      this.#disposeEach(
        entries.slice(from, to),
        () => outcome,
        limit,
        (entry, error) => {
          keepFrom(entries.indexOf(entry) + 1);
          throw error;
        },
      );
    const carrier = entries.findLastIndex(hasTransaction);
    if (carrier === -1) return exit(0);
    await exit(0, carrier);
    let isExiting = false;
    try {
      await carry((entries[carrier] as AcquiredResource).transaction!, () => {
        isExiting = true;
        return exit(carrier, carrier + 1);
      });
    } catch (error) {
      // It has not exited, and is given that error as well.
      if (!isExiting) keepFrom(carrier);
      throw error;
    }
    await exit(carrier + 1);
  }

  /**
   * Throws the error of the request into the `'before-response'` resources. Resolves with the error to answer, which a
   * resource may replace. A resource that takes too long does not replace it.
   */
  async failBeforeResponse(failure: Failure): Promise<Failure> {
    let answer = failure;
    const limit = this.#timeLimit();
    const outcomeOf = () => ({ succeeded: false, error: answer.error, aborted: false });
    await this.#disposeEach(await this.#takeBeforeResponse(limit), outcomeOf, limit, (entry, error) => {
      if (isInstance(error, DisposeTimeoutError)) this.#logFailures([{ name: entry.rank.name, error }]);
      else answer = { error };
    });
    return answer;
  }

  /**
   * Disposes of everything, dependents first, one at a time. The request's own error is no failure of a disposer. A
   * resource that a disposer acquires stays: tasks that the disposer adds may use it.
   */
  async disposeAll(outcome: TaskOutcome): Promise<void> {
    const failures: DisposalFailure[] = [];
    const limit = this.#timeLimit();
    if (this.#entries.some((entry) => entry.construction !== undefined)) await this.#constructionEnded(limit);
    const entries = dependentsFirst(this.#entries);
    this.#entries = [];
    const outcomeOf = () => outcome;
    await this.#disposeEach(entries, outcomeOf, limit, ({ rank: { name } }, error) => {
      if (!isOf(outcome, error)) failures.push({ name, error });
    });
    if (failures.length > 0) this.#logFailures(failures);
  }

  get #told(): ResourceEvents {
    return (this.#events ??= new ResourceEvents(this.engine.events, this.owner));
  }

  #track(entry: Entry): void {
    // Disposers run in the async context of the request's first resource, not in that of the response's last event.
    this.#context ??= new AsyncResource('RequestDisposal', { requireManualDestroy: true });
    this.#entries.push(entry);
  }

  /** Gives entries back, one after another. A synchronous disposer needs no timer, and nobody waits for it. */
  async #disposeEach(
    entries: readonly Entry[],
    outcomeOf: () => TaskOutcome,
    limit: TimeLimit,
    failed: (entry: Entry, error: unknown) => void,
  ): Promise<void> {
    try {
      for (const entry of entries) {
        this.#disposing = entry.rank.name;
        const outcome = outcomeOf();
        const released = this.engine.events.resourceReleased.isHeard ? this.#told.releasing(entry) : undefined;
        try {
          const work = this.#giveBack(entry, outcome);
          if (isThenable(work)) await this.#within(limit, work, entry);
          released?.();
        } catch (error) {
          // A resource may throw the error of the request on, which is no failure of its own.
          released?.(isOf(outcome, error) ? undefined : { error });
          this.#failed = entry.rank.name;
          failed(entry, error);
        }
      }
    } finally {
      this.#disposing = undefined;
      limit.stop();
    }
  }

  #giveBack(entry: Entry, outcome: TaskOutcome): unknown {
    // A construction that has not ended by now hangs. If it ends later, its instance is given back then.
    const { construction } = entry;
    if (construction) {
      const dispose = () => this.#context!.runInAsyncScope(() => entry.dispose(outcome));
      return construction.then(dispose, dispose);
    }
    return this.#context!.runInAsyncScope(() => entry.dispose(outcome));
  }

  /** Waits until all constructions have ended, those that they begin included. Gives up on one that hangs. */
  async #constructionEnded(limit: TimeLimit, isIncluded: (entry: Entry) => boolean = () => true): Promise<void> {
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index]!;
      const construction = isIncluded(entry) ? entry.construction : undefined;
      if (construction) await this.#within(limit, construction, entry).catch(() => undefined);
    }
  }

  #timeLimit(): TimeLimit {
    return new TimeLimit(this.engine.options.disposeTimeoutMs);
  }

  #within(limit: TimeLimit, work: PromiseLike<unknown>, { rank }: Entry): Promise<unknown> {
    return limit.within(work, () => new DisposeTimeoutError(rank.name, limit.ms));
  }

  #logFailures(failures: readonly DisposalFailure[]): void {
    this.engine.log.disposalFailed(failures, this.owner.origin);
  }

  async #takeBeforeResponse(limit: TimeLimit): Promise<Entry[]> {
    await this.#constructionEnded(limit, isBeforeResponse);
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
