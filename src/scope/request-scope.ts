import type { TaskOutcome } from '../contracts/task-outcome.js';
import { Disposables } from '../disposal/disposables.js';
import type { Rank } from '../disposal/disposal-plan.js';
import type { ResourceDefinition } from '../disposal/resource-definition.js';
import { QueueFullError, ScopeClosedError, ShuttingDownError, TaskChainTooLongError } from '../errors/errors.js';
import type { TaskUnit } from '../execution/task-attempt.js';
import type { RunSlots } from '../execution/run-slots.js';
import { type Answer, TaskQueue } from '../execution/task-queue.js';
import type { InstanceRecord } from '../nest/instances.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import type { Enrolled } from '../execution/unordered-list.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { captureSite } from '../tasks/capture-site.js';
import type { TaskDefinition } from '../tasks/define-task.js';
import type { CheckedEnqueueOptions } from '../tasks/enqueue-options.js';
import { QueuedTask, type TaskCarrier } from '../tasks/queued-task.js';
import type { TaskCall } from '../tasks/task-call.js';
import { Outbox, type OutboxOwner } from './outbox.js';
import type { ScopeEnvironment } from './scope-environment.js';
import type { ScopeOrigin } from './scope-origin.js';
import { type Caller, ScopedBackgroundTasks, type TaskIntake } from './scoped-background-tasks.js';

/** How many tasks in a row may each add the next: far beyond any real chain, well before it hurts. */
const CHAIN_LIMIT = 1_000;

/**
 * The life of one request, or of one unit of work: it collects tasks and resources while the
 * handler runs; once the handler has settled and the response is over, it runs the tasks, then
 * disposes of the resources, then closes.
 */
export class RequestScope implements Enrolled, OutboxOwner, TaskIntake, TaskUnit {
  place = -1;
  readonly queue: TaskQueue;
  #disposables: Disposables | undefined;
  #outbox: Outbox | undefined;
  #onClosed: (() => void)[] | undefined;
  #phase: 'open' | 'ending' | 'closed' = 'open';
  #tasks: BackgroundTasks | undefined;
  #failure: { readonly error: unknown } | undefined;
  #held: Promise<unknown> | undefined;
  #outcome: TaskOutcome = { succeeded: true, aborted: false };

  constructor(
    private readonly environment: ScopeEnvironment,
    private readonly origin: ScopeOrigin,
    slots?: RunSlots,
  ) {
    this.queue = new TaskQueue(environment.engine, slots);
  }

  get tasks(): BackgroundTasks {
    return (this.#tasks ??= new ScopedBackgroundTasks(this));
  }

  get outcome(): TaskOutcome {
    return this.#outcome;
  }

  get waiting(): readonly QueuedTask[] {
    return this.#outbox ? [...this.queue.waiting, ...this.#outbox.waiting] : this.queue.waiting;
  }

  /** The name of what it is disposing of right now. */
  get disposing(): string | undefined {
    return this.#disposables?.disposing;
  }

  add(call: TaskCall, options: CheckedTaskOptions, caller: Caller, carrier?: TaskCarrier): QueuedTask {
    const name = options.name ?? call.name;
    this.#assertTakes(name);
    const earlier = options.dedupe && this.queue.waiting.find((task) => task.name === name);
    if (earlier && options.dedupe === 'keep-first') return earlier;
    const task = this.makeTask(call, options, caller, carrier);
    if (earlier) this.queue.replace(earlier, task);
    else this.seat(task, this.#phase === 'open' ? this.origin : undefined);
    this.queue.add(task);
    return task;
  }

  enqueue(
    definition: TaskDefinition,
    payload: unknown,
    options: CheckedTaskOptions,
    enqueueOptions: CheckedEnqueueOptions,
    caller: Caller,
  ): QueuedTask {
    this.#assertTakes(definition.name);
    const outbox = (this.#outbox ??= new Outbox(this.environment, this.origin, this));
    return outbox.enqueue(definition, payload, options, enqueueOptions, caller);
  }

  makeTask(call: TaskCall, options: CheckedTaskOptions, caller: Caller, carrier: TaskCarrier | undefined): QueuedTask {
    const { chainLength } = this.queue;
    if (chainLength >= CHAIN_LIMIT) throw new TaskChainTooLongError(options.name ?? call.name, CHAIN_LIMIT);
    const site = this.environment.engine.options.captureSites ? captureSite(caller) : undefined;
    return new QueuedTask(call, options, this.#failure !== undefined, chainLength, site, this, carrier);
  }

  /** Without an answer that waits for it there has to be room now. @throws QUEUE_FULL */
  seat(task: QueuedTask, answer?: Answer): void {
    if (this.queue.seat(task, answer)) return;
    throw new QueueFullError(task.name, this.environment.engine.options.maxPending);
  }

  cancel(task: QueuedTask): boolean {
    return this.queue.withdraw(task, 'cancelled') || (this.#outbox?.withdraw(task, 'cancelled') ?? false);
  }

  ended(task: QueuedTask): void {
    this.#outbox?.ended(task);
  }

  /** At the shutdown deadline: ends what runs and what waits. */
  abandon(): void {
    this.#outbox?.abandon();
    this.queue.abandon();
  }

  progress(task: QueuedTask, value: unknown): void {
    this.environment.engine.inFlight.progress(task, value);
  }

  acquire(definition: ResourceDefinition, dependencies: readonly unknown[]): unknown {
    this.#assertNotClosed(`Resource ${definition.name}`);
    return this.#toDispose.acquire(definition, this.environment.plan.rankOf(definition), dependencies);
  }

  trackInstance(record: InstanceRecord, rank: Rank): void {
    this.#assertNotClosed(`An instance of ${rank.name}`);
    this.#toDispose.trackInstance(record, rank);
  }

  /**
   * Called when the handler has its result and before a byte of it is sent. Returns what the
   * response has to wait for, if anything; it rejects with what a resource's exit threw.
   */
  beforeResponse(): Promise<void> | undefined {
    if (this.#failure || this.#phase !== 'open') return undefined;
    const needsRoom = this.queue.needsRoom && this.origin.canHold;
    if (!needsRoom && !this.#outbox?.isDue && !this.#disposables?.hasBeforeResponse) return undefined;
    return this.#hold(async () => {
      await this.#disposables?.exitBeforeResponse(this.#outcome);
      if (needsRoom) await this.queue.takeRoom();
      // Last: what a task is about has been committed by the time another process can run it.
      await this.#outbox?.handOver();
    });
  }

  /**
   * Called with what the handler threw, before the filters answer it. Returns what the answer has
   * to wait for, if anything; it resolves with the error to answer.
   */
  fail(error: unknown): Promise<unknown> | undefined {
    this.#failure ??= { error };
    const disposables = this.#disposables;
    if (!disposables?.hasBeforeResponse) return undefined;
    return this.#hold(async () => {
      const answer = await disposables.failBeforeResponse(error, (timeout) =>
        this.environment.engine.log.disposalFailed([timeout]),
      );
      this.#failure = { error: answer };
      return answer;
    });
  }

  /** Called once the handler has settled and the response is over: runs the tasks, then disposes. */
  end(response: Pick<TaskOutcome, 'statusCode' | 'aborted'>): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'ending';
    const settle = (awaited?: Promise<unknown>) => {
      // A failed exit has the other resources exited with its error: that is held, too.
      const held = this.#held;
      if (held !== awaited) {
        void held!.then(() => settle(held));
        return;
      }
      this.#outcome = Object.freeze(
        this.#failure
          ? { succeeded: false, error: this.#failure.error, ...response }
          : { succeeded: true, ...response },
      );
      this.#outbox?.decide(this.#outcome);
      this.#drain();
    };
    settle();
  }

  /** Calls back once the scope has closed; at once if it has. */
  onClosed(callback: () => void): void {
    if (this.#phase === 'closed') callback();
    else (this.#onClosed ??= []).push(callback);
  }

  get #toDispose(): Disposables {
    return (this.#disposables ??= new Disposables(this.environment.engine.options.disposeTimeoutMs));
  }

  #assertTakes(task: string): void {
    if (this.environment.isShutDown) throw new ShuttingDownError(`Task "${task}"`);
    this.#assertNotClosed(`Task "${task}"`);
  }

  #assertNotClosed(what: string): void {
    if (this.#phase === 'closed') throw new ScopeClosedError(what);
  }

  #hold<T>(work: () => Promise<T>): Promise<T> {
    const held = work();
    this.#held = held.catch(() => undefined);
    return held;
  }

  #drain(): void {
    this.queue.drain(this, () => this.#dispose());
  }

  #dispose(): void {
    void this.#outbox?.handOver()?.catch(() => undefined);
    if (this.#outbox?.sending) {
      void this.#outbox.sending.then(() => this.#drain());
      return;
    }
    if (!this.queue.isEmpty) {
      this.#drain();
      return;
    }
    if (!this.#disposables || this.#disposables.isEmpty) {
      this.#close();
      return;
    }
    void this.#disposables.disposeAll(this.#outcome).then((errors) => {
      if (errors.length > 0) this.environment.engine.log.disposalFailed(errors);
      // A disposer may have added tasks, and they may have acquired something more.
      this.#drain();
    });
  }

  #close(): void {
    this.#phase = 'closed';
    // Nest's own tables keep the request, and so the scope, alive through two collections.
    this.#disposables = undefined;
    this.environment.closed(this);
    for (const callback of this.#onClosed ?? []) callback();
  }
}
