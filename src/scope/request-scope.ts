import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { Rank } from '../disposal/disposable-entry.js';
import { Disposables } from '../disposal/disposables.js';
import type { DisposalPlan } from '../disposal/disposal-plan.js';
import type { ResourceDefinition } from '../disposal/resource-definition.js';
import type { ResourceHolder } from '../disposal/resource-holder.js';
import { QueueFullError, ScopeClosedError, ShuttingDownError, TaskChainTooLongError } from '../errors.js';
import type { TaskUnit } from '../execution/task-attempt.js';
import type { TaskEngine } from '../execution/task-engine.js';
import { type Answer, TaskQueue } from '../execution/task-queue.js';
import type { InstanceUnderConstruction } from '../nest/instances.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import type { Enrolled } from '../roll.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { captureSite } from '../tasks/capture-site.js';
import { QueuedTask } from '../tasks/queued-task.js';
import type { TaskCall } from '../tasks/task-call.js';
import { ScopedBackgroundTasks, type TaskIntake } from './scoped-background-tasks.js';

/** How many tasks in a row may each add the next: far beyond any real chain, well before it hurts. */
const CHAIN_LIMIT = 1_000;

/** What the scopes of an application share. */
export interface ScopeEnvironment {
  readonly engine: TaskEngine;
  readonly plan: DisposalPlan;
  /** Whether the application has drained, so that new work is refused. */
  readonly isShutDown: boolean;
  /** Called once by a scope that has closed. */
  closed(scope: RequestScope): void;
}

/**
 * The life of one request, or of one unit of work: it collects tasks and resources while the
 * handler runs; once the handler has settled and the response is over, it runs the tasks, then
 * disposes of the resources, then closes.
 */
export class RequestScope implements Enrolled, ResourceHolder, TaskIntake, TaskUnit {
  place = -1;
  readonly queue: TaskQueue;
  #disposables: Disposables | undefined;
  #onClosed: (() => void)[] | undefined;
  #phase: 'open' | 'ending' | 'closed' = 'open';
  #tasks: BackgroundTasks | undefined;
  #failure: { readonly error: unknown } | undefined;
  #held: Promise<unknown> | undefined;
  #outcome: TaskOutcome = { succeeded: true, aborted: false };

  constructor(
    private readonly environment: ScopeEnvironment,
    private readonly answer: Answer,
  ) {
    this.queue = new TaskQueue(environment.engine);
  }

  get tasks(): BackgroundTasks {
    return (this.#tasks ??= new ScopedBackgroundTasks(this));
  }

  get outcome(): TaskOutcome {
    return this.#outcome;
  }

  get waiting(): readonly QueuedTask[] {
    return this.queue.waiting;
  }

  /** The name of what it is disposing of right now. */
  get disposing(): string | undefined {
    return this.#disposables?.disposing;
  }

  add(call: TaskCall, options: CheckedTaskOptions, caller: (...args: never[]) => unknown): QueuedTask {
    const { engine, isShutDown } = this.environment;
    const name = options.name ?? call.name;
    if (isShutDown) throw new ShuttingDownError(`Task "${name}"`);
    this.#assertNotClosed(`Task "${name}"`);
    const earlier = options.dedupe && this.waiting.find((task) => task.name === name);
    if (earlier && options.dedupe === 'keep-first') return earlier;
    const { chainLength } = this.queue;
    if (chainLength >= CHAIN_LIMIT) throw new TaskChainTooLongError(name, CHAIN_LIMIT);
    const site = engine.options.captureSites ? captureSite(caller) : undefined;
    const task = new QueuedTask(call, options, this.#failure !== undefined, chainLength, site, this);
    if (earlier) this.queue.replace(earlier, task);
    else if (!this.queue.seat(task, this.#phase === 'open' ? this.answer : undefined)) {
      throw new QueueFullError(name, engine.options.maxPending);
    }
    this.queue.add(task);
    return task;
  }

  cancel(task: QueuedTask): boolean {
    return this.queue.withdraw(task, 'cancelled');
  }

  progress(task: QueuedTask, value: unknown): void {
    this.environment.engine.inFlight.progress(task, value);
  }

  acquire(definition: ResourceDefinition, dependencies: readonly unknown[]): unknown {
    this.#assertNotClosed(`Resource ${definition.name}`);
    return this.#toDispose.acquire(definition, this.environment.plan.rankOf(definition), dependencies);
  }

  trackInstance(host: InstanceUnderConstruction, rank: Rank): void {
    this.#assertNotClosed(`An instance of ${rank.name}`);
    this.#toDispose.trackInstance(host, rank);
  }

  /**
   * Called when the handler has its result and before a byte of it is sent. Returns what the
   * response has to wait for, if anything; it rejects with what a resource's exit threw.
   */
  beforeResponse(): Promise<void> | undefined {
    if (this.#failure || this.#phase !== 'open') return undefined;
    const needsRoom = this.queue.needsRoom && this.answer.canHold;
    if (!needsRoom && !this.#disposables?.hasBeforeResponse) return undefined;
    return this.#hold(async () => {
      await this.#disposables?.exitBeforeResponse(this.#outcome);
      if (needsRoom) await this.queue.takeRoom();
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
        this.#failure ? { succeeded: false, error: this.#failure.error, ...response } : { succeeded: true, ...response },
      );
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
