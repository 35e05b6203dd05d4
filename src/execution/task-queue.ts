import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { TerminalTaskState } from '../contracts/task-report.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { ambient } from '../tasks/ambient.js';
import { TaskAttempt, type TaskUnit } from './task-attempt.js';
import type { SlotTaker } from './run-slots.js';
import type { TaskEngine } from './task-engine.js';
import { type RunOwner, TaskRun } from './task-run.js';
import { WaitingLine } from './waiting-line.js';
import { unwantedTasks } from './wanted.js';

/** What is sent when the handler of the tasks' request has ended. */
export interface Answer {
  /** Whether it can still be held back until there is room for the tasks. */
  readonly canHold: boolean;
}

/** The tasks of one request, first in, first out: collected while it runs, then drained. */
export class TaskQueue implements RunOwner, SlotTaker {
  readonly #waiting = new WaitingLine();
  /** As many as `concurrency` allows, so one most of the time. */
  readonly #runs: TaskRun[] = [];
  #onIdle: (() => void) | undefined;
  #unit: TaskUnit | undefined;
  #slotsAsked = 0;
  #hasFailed = false;
  #isPumping = false;
  /** When the last task ended, while the next starts: to look at the clock is a tenth of what a task costs. */
  #now: number | undefined;
  #unseated = 0;

  constructor(
    private readonly engine: TaskEngine,
    private readonly slots = engine.slots,
  ) {}

  get waiting(): readonly QueuedTask[] {
    return this.#waiting.toArray();
  }

  /**
   * Finds the task a seat among the waiting tasks of the process. With `overflow: 'wait'` and an
   * answer that can be held it may go without one until {@link takeRoom}. Returns whether it may wait.
   */
  seat(task: QueuedTask, answer: Answer | undefined): boolean {
    const { overflow, maxPending } = this.engine.options;
    if (this.#unseated === 0) task.isSeated = this.engine.room.tryTake();
    if (task.isSeated) return true;
    if (overflow !== 'wait' || !answer?.canHold || this.#waiting.length >= maxPending) return false;
    this.#unseated++;
    return true;
  }

  /** Whether tasks wait without a seat. */
  get needsRoom(): boolean {
    return this.#unseated > 0;
  }

  /** Resolves once there is a seat for each waiting task. */
  async takeRoom(): Promise<void> {
    for (const task of this.#waiting.toArray()) this.#unseat(task);
    const seats = this.#waiting.length;
    this.#unseated = seats;
    await this.engine.room.take(seats);
    const seated = this.#waiting.toArray().slice(0, seats);
    for (const task of seated) task.isSeated = true;
    // Tasks withdrawn meanwhile leave seats over.
    this.engine.room.release(seats - seated.length);
    this.#unseated = this.#waiting.length - seated.length;
  }

  add(task: QueuedTask): void {
    this.engine.inFlight.accept(task);
    this.join(task);
  }

  /** Lines up a task that has been accepted before. */
  join(task: QueuedTask): void {
    this.#waiting.push(task);
    if (this.#unit) this.#decide(this.#unit.outcome);
    if (this.#hasFailed) this.#skipWaiting();
    if (this.#onIdle) this.#pump();
  }

  /** Gives the seat of a waiting task to the one that takes its place, before anybody else can have it. */
  replace(earlier: QueuedTask, task: QueuedTask): void {
    task.isSeated = earlier.isSeated;
    earlier.isSeated = false;
    this.#unseated++;
    this.withdraw(earlier, 'discarded');
  }

  /** Takes a waiting task out and ends it. Returns whether it was waiting. */
  withdraw(task: QueuedTask, state: TerminalTaskState): boolean {
    if (!this.#waiting.remove(task)) return false;
    this.end(task, state);
    return true;
  }

  /** Whether anything waits. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Runs what waits, and what is added meanwhile, then calls `onIdle`. */
  drain(unit: TaskUnit, onIdle: () => void): void {
    this.#unit = unit;
    this.#onIdle = onIdle;
    this.#decide(unit.outcome);
    this.#pump();
  }

  abortRunning(reason: Error): void {
    for (const run of [...this.#runs]) run.abort(reason);
  }

  /** At the deadline: ends what runs and what waits as `abandoned`. */
  abandon(): void {
    for (const run of [...this.#runs]) run.abandon();
    this.#pump();
  }

  get running(): QueuedTask[] {
    return this.#runs.map((run) => run.task);
  }

  /**
   * The task that code of this request runs in; `undefined` for the handler. Where several run at a
   * time it may not be known after the first `await` of theirs, and is `undefined`, too.
   */
  get enqueuer(): QueuedTask | undefined {
    if (this.#runs.length < 2) return this.#runs[0]?.task;
    const running = ambient.get()?.task;
    return this.#runs.find(({ task }) => running instanceof TaskAttempt && running.queued === task)?.task;
  }

  /** How many tasks in a row led to one that is added now. Between tasks, and for the handler's own, 0. */
  get chainLength(): number {
    let longest = -1;
    for (const { task } of this.#runs) longest = Math.max(longest, task.chainLength);
    return longest + 1;
  }

  /** Discards the tasks that were not meant for this outcome. */
  #decide(outcome: TaskOutcome): void {
    for (const task of unwantedTasks(this.#waiting.toArray(), outcome, this.engine.log))
      this.withdraw(task, 'discarded');
  }

  /** Loops rather than recurses: a synchronous task has ended before `take` returns. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    if (this.engine.isPastDeadline) for (const task of this.#waiting.takeAll()) this.end(task, 'abandoned');
    while (
      this.#slotsAsked < this.engine.options.concurrency &&
      this.#slotsAsked - this.#runs.length < this.#waiting.length
    ) {
      this.#slotsAsked++;
      this.slots.take(this);
    }
    this.#isPumping = false;
    if (this.#slotsAsked === 0 && this.#waiting.length === 0 && this.#onIdle) {
      const onIdle = this.#onIdle;
      this.#onIdle = undefined;
      onIdle();
    }
  }

  /** Starts the next task, now that there is a slot for it. */
  start(): void {
    const task = this.engine.isPastDeadline ? undefined : this.#waiting.shift();
    if (!task) {
      // It was withdrawn while this request waited for a slot, or comes too late for one.
      this.#giveSlotBack();
      return;
    }
    this.#unseat(task);
    this.engine.inFlight.start(task, this.#now ?? performance.now());
    this.#now = undefined;
    const run = new TaskRun(task, this.#unit!, this.engine.options, this);
    this.#runs.push(run);
    run.start();
  }

  finished(run: TaskRun, state: TerminalTaskState, error?: unknown): void {
    this.#runs.splice(this.#runs.indexOf(run), 1);
    const now = performance.now();
    this.engine.inFlight.end(run.task, state, error, now);
    this.#unit!.ended(run.task);
    if ((state === 'failed' || state === 'timed-out') && this.engine.options.onTaskFailure === 'stop')
      this.#hasFailed = true;
    if (this.#hasFailed) this.#skipWaiting();
    this.#now = now;
    this.#giveSlotBack();
    this.#now = undefined;
  }

  #skipWaiting(): void {
    for (const task of this.#waiting.takeAll()) this.end(task, 'skipped');
  }

  #giveSlotBack(): void {
    this.#slotsAsked--;
    this.slots.release();
    this.#pump();
  }

  /** Ends a task that has not run. */
  end(task: QueuedTask, state: TerminalTaskState, error?: unknown): void {
    this.#unseat(task);
    this.engine.inFlight.end(task, state, error);
  }

  #unseat(task: QueuedTask): void {
    if (task.isSeated) {
      task.isSeated = false;
      this.engine.room.release(1);
    } else if (this.#unseated > 0) {
      this.#unseated--;
    }
  }
}
