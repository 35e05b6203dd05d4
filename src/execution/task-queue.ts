import type { TaskOutcome } from '../contracts/task-outcome.js';
import { asyncContext } from '../tasks/async-context.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { handOver } from './hand-over.js';
import { discardFollowUps, discardUnfit, outcomeFor } from './run-condition.js';
import type { PermitWaiter } from './semaphore.js';
import { TaskAttempt } from './task-attempt.js';
import type { QueueLimits, TaskEngine } from './task-engine.js';
import { ABANDONED, CANCELLED, type QueueOwner, SKIPPED, type TaskEnd } from './task-ledger.js';
import { TaskRun } from './task-run.js';
import { WaitingTasks } from './waiting-tasks.js';

/**
 * The tasks of one request, first in, first out: collected while the request runs, then drained. It includes named
 * tasks. They are handed over to the backend, which takes them out or has them run here when their turn comes.
 */
export class TaskQueue implements PermitWaiter {
  readonly #waiting: WaitingTasks;
  /** As many as `concurrency` allows, so one most of the time. */
  #runs: readonly TaskRun[] = [];
  /** The outcome of the request, while the queue drains. */
  outcome: TaskOutcome | undefined;
  #drainingSince = 0;
  /** Set while it drains. */
  #onIdle: (() => void) | undefined;
  /** The number of permits to run that it holds or waits for. */
  #runPermits = 0;
  /** Tasks to run in this process that have not claimed their idempotency key yet. */
  #withUnclaimedKey: QueuedTask[] | undefined;
  /** The number of batches that the backend has not answered. */
  handOvers = 0;
  #hasTaskFailed = false;
  #isStarting = false;
  /** The time at which the last task ended, while the next starts: reading the clock is a tenth of a task's cost. */
  #now: number | undefined;

  constructor(
    readonly engine: TaskEngine,
    readonly owner: QueueOwner,
    private readonly limits: QueueLimits = engine.limits,
  ) {
    this.#waiting = new WaitingTasks(limits.pending);
  }

  /** The waiting tasks, without those that are being handed over. */
  get waiting(): readonly QueuedTask[] {
    return this.#waiting.notHandedOver;
  }

  /** The named tasks that are to be handed over now. */
  get due(): readonly QueuedTask[] {
    return this.#waiting.due(this.outcome);
  }

  get running(): QueuedTask[] {
    return this.#runs.map((run) => run.task);
  }

  /** Whether nothing waits, runs or is being handed over. */
  get isEmpty(): boolean {
    return this.#waiting.length + this.#runs.length === 0;
  }

  /** The tasks that run or wait, also those that the backend is being asked to take. */
  get unfinished(): readonly QueuedTask[] {
    return [...this.running, ...this.#waiting.toArray()];
  }

  /** The running task that this code belongs to; `undefined` for the handler. */
  get current(): QueuedTask | undefined {
    const task = asyncContext.getStore()?.task;
    return task instanceof TaskAttempt ? this.running.find((running) => running === task.queued) : undefined;
  }

  /** The number of tasks in a row that led to one that is added now. Between tasks, and for the handler's own, 0. */
  get chainLength(): number {
    return this.#runs.reduce((longest, { task }) => Math.max(longest, task.chainLength + 1), 0);
  }

  /** Milliseconds for which tasks that may run have waited; 0 if none does. */
  get waitedMs(): number {
    if (!this.#onIdle || this.#waiting.length === 0) return 0;
    return Math.max(0, performance.now() - Math.max(this.#drainingSince, this.limits.running.grantedFrom ?? 0));
  }

  /** Whether the response has to wait until there are permits for all tasks. */
  get needsPermits(): boolean {
    return this.#waiting.needPermits;
  }

  acquirePermits(): Promise<void> {
    return this.#waiting.acquirePermits();
  }

  /** Adds a task if `maxPending` allows it, or if it may wait for its permit. Returns whether it did. */
  add(task: QueuedTask, mayLackPermit = false): boolean {
    if (!this.#waiting.add(task, mayLackPermit)) return false;
    this.#accept(task);
    return true;
  }

  /** Adds a task with the permit of an earlier one, which is discarded. */
  replace(earlier: QueuedTask, task: QueuedTask): void {
    this.#waiting.replace(earlier, task);
    this.engine.ledger.end(earlier, this.owner, { state: 'discarded', reason: 'deduplicated' });
    this.#accept(task);
  }

  /** Ends a task if it waits. Returns whether it did. */
  cancel(task: QueuedTask): boolean {
    if (task.state !== 'waiting' || task.stage === 'handed-over') return false;
    this.endWaiting([task], CANCELLED);
    return true;
  }

  /** Has a named task run in this process, in its turn. Called by its backend, and ignored once that has answered. */
  runHere(task: QueuedTask): void {
    if (task.state !== 'waiting' || task.stage !== 'handed-over') return;
    if (this.#hasTaskFailed) return this.endWaiting([task], SKIPPED);
    this.#waiting.markReady(task);
    if (task.idempotencyKey !== undefined) (this.#withUnclaimedKey ??= []).push(task);
    if (this.outcome) this.#claimKeys();
    this.startNext();
  }

  /** Runs what waits, and what is added meanwhile, then calls `onIdle`. */
  drain(outcome: TaskOutcome, onIdle: () => void): void {
    this.outcome = outcome;
    this.#onIdle = onIdle;
    this.#drainingSince = performance.now();
    discardUnfit(this.waiting, outcome, this);
    this.#claimKeys();
    this.startNext();
  }

  /** Takes a task over whose turn has come in another queue. Calls `onIdle` once it has none left. */
  takeOver(task: QueuedTask, outcome: TaskOutcome, onIdle: () => void): void {
    if (this.#waiting.length === 0) this.#drainingSince = performance.now();
    this.#waiting.receive(task);
    this.outcome = outcome;
    this.#onIdle = onIdle;
    this.startNext();
  }

  /** Begins the next attempt of a run. In a batch that waits for others first. */
  startAgain(run: TaskRun): void {
    const { running } = this.limits;
    if (running.acquireAgain) running.acquireAgain({ granted: () => run.start() });
    else run.start();
  }

  /** Hands over what is due. Returns what there is to wait for, if anything, as {@link handOver} does. */
  handOver(): Promise<void> | undefined {
    return handOver(this);
  }

  abortRunning(reason: Error): void {
    for (const run of this.#runs) run.abort(reason);
  }

  /** At the deadline: ends what runs and what waits as `abandoned`. */
  abandon(): void {
    // What waits comes first, or the end of a task would discard its follow-ups.
    this.endWaiting(this.#waiting.toArray(), ABANDONED);
    for (const run of this.#runs) run.abandon();
    this.startNext();
  }

  /** Starts the next task with the permit acquired for it. */
  granted(): void {
    const task = this.engine.isPastDeadline ? undefined : this.#waiting.shift();
    if (!task) {
      // It was cancelled while this queue waited for the permit, or the shutdown deadline has passed.
      this.#releaseRunPermit();
      return;
    }
    if (task.next) {
      const observed = this.engine.events.taskSettled.isHeard ? this.owner.observed : undefined;
      const { description } = this.owner.origin;
      task.leave({ origin: { description }, outcome: outcomeFor(task, this.outcome!), observed });
      return this.#releaseRunPermit();
    }
    this.engine.ledger.start(task, this.#now ?? performance.now());
    this.#now = undefined;
    const run = new TaskRun(task, this);
    task.run = run;
    this.#runs = [...this.#runs, run];
    run.start();
  }

  /** Ends a task that has run. */
  ended(run: TaskRun, end: TaskEnd): void {
    this.#runs = this.#runs.filter((other) => other !== run);
    const now = performance.now();
    const { state } = end;
    this.engine.ledger.end(run.task, this.owner, end, now);
    const hasFailed = state === 'failed' || state === 'timed-out';
    if (hasFailed && this.engine.options.onTaskFailure === 'stop' && !this.limits.isShared) this.#hasTaskFailed = true;
    if (state === 'succeeded') this.handOver()?.catch(() => undefined);
    else discardFollowUps(run.task, this);
    if (this.#hasTaskFailed) this.endWaiting(this.waiting, SKIPPED);
    this.#now = now;
    this.#releaseRunPermit();
    this.#now = undefined;
  }

  #accept(task: QueuedTask): void {
    this.engine.ledger.accept(task, this.owner);
    if (this.#hasTaskFailed) this.endWaiting([task], SKIPPED);
    else if (this.outcome) discardUnfit([task], this.outcome, this);
    this.startNext();
  }

  /** Claims keys once the outcome is known. Until then the request may fail and its tasks be discarded. */
  #claimKeys(): void {
    const refused = this.#withUnclaimedKey?.filter((task) => !task.isSettled && !this.engine.keys.claim(task));
    this.#withUnclaimedKey = undefined;
    if (refused) this.endWaiting(refused, { state: 'discarded', reason: 'deduplicated' });
  }

  /** Starts tasks in a loop, not by recursion: a synchronous task has ended before `acquire` returns. */
  startNext(): void {
    if (!this.#onIdle || this.#isStarting) return;
    this.#isStarting = true;
    if (this.engine.isPastDeadline) this.endWaiting(this.waiting, ABANDONED);
    this.handOver()?.catch(() => undefined);
    while (this.#runPermits < this.limits.concurrency && this.#runPermits - this.#runs.length < this.#waiting.ready) {
      this.#runPermits++;
      this.limits.running.acquire(this);
    }
    this.#isStarting = false;
    if (this.#runPermits > 0 || this.handOvers > 0 || this.#waiting.ready > 0) return;
    const onIdle = this.#onIdle;
    this.#onIdle = this.outcome = undefined;
    onIdle();
  }

  #releaseRunPermit(): void {
    this.#runPermits--;
    this.limits.running.release();
    this.startNext();
  }

  /** Ends those of the tasks that wait. */
  endWaiting(tasks: readonly QueuedTask[], end: TaskEnd): void {
    for (const task of tasks) if (this.#waiting.remove(task)) this.engine.ledger.end(task, this.owner, end);
  }
}
