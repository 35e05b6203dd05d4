import { AsyncResource } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { TaskReport, TaskState, TerminalTaskState } from '../contracts/task-report.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import type { BackgroundTask } from './background-task.js';
import type { TaskCall } from './task-call.js';

/** Whoever a waiting task can be withdrawn from. */
interface TaskOwner {
  /** Ends the task as `cancelled` if it waits. Returns whether it did. */
  cancel(task: QueuedTask): boolean;
}

/** How whoever carries a named task knows it. */
export interface TaskCarrier {
  readonly id: string;
  /** The attempts that were made before, in whichever process. */
  readonly earlierAttempts: number;
  progressed(value: unknown): void;
}

/**
 * A task from `addTask` to its end. It is an AsyncResource because that is the cheapest way to run
 * the function in the async context of the line that added it: `AsyncLocalStorage.snapshot()` costs
 * hundreds of times as much, and the context of the response's own events may be another request's.
 */
export class QueuedTask extends AsyncResource implements BackgroundTask {
  state: TaskState = 'waiting';
  attempts = 0;
  error: unknown;
  /** -1 until the first attempt. */
  startedAt = -1;
  durationMs = 0;
  /** Whether it counts towards `maxPending`. */
  isSeated = false;
  #call: TaskCall | undefined;
  #owner: TaskOwner | undefined;
  #id: string | undefined;
  #settlement: { promise: Promise<TaskReport>; resolve(report: TaskReport): void } | undefined;

  constructor(
    call: TaskCall,
    readonly options: CheckedTaskOptions,
    /** Whether it was added when the request was known to have failed. */
    readonly addedAfterFailure: boolean,
    /** How many tasks in a row added the next one; 0 for a task of the handler's. */
    readonly chainLength: number,
    /** Holds the stack of the `addTask` call; absent unless `captureSites` is on. */
    readonly site: Error | undefined,
    owner: TaskOwner,
    /** Absent for a task that is this process's own. */
    private readonly carrier?: TaskCarrier,
  ) {
    // Without destroy hooks there is nothing to destroy; tracking it for the collector costs.
    super('BackgroundTask', { requireManualDestroy: true });
    this.#call = call;
    this.#owner = owner;
    this.name = options.name ?? call.name;
    this.#id = carrier?.id;
    if (carrier) this.attempts = carrier.earlierAttempts;
  }

  readonly name: string;

  get id(): string {
    return (this.#id ??= randomUUID());
  }

  get isSettled(): boolean {
    return this.state !== 'waiting' && this.state !== 'running';
  }

  cancel(): boolean {
    return this.#owner?.cancel(this) ?? false;
  }

  get settled(): Promise<TaskReport> {
    if (this.#settlement) return this.#settlement.promise;
    if (this.isSettled) return Promise.resolve(this.report());
    let resolve!: (report: TaskReport) => void;
    const promise = new Promise<TaskReport>((fulfil) => (resolve = fulfil));
    this.#settlement = { promise, resolve };
    return promise;
  }

  progressed(value: unknown): void {
    this.carrier?.progressed(value);
  }

  invoke(): unknown {
    const { fn, target, args } = this.#call!;
    return Reflect.apply(fn, target, args);
  }

  /** Takes its final state and lets go of the function, its arguments and its request. */
  settle(state: TerminalTaskState, error?: unknown, now = performance.now()): void {
    this.state = state;
    this.error = error;
    this.#call = undefined;
    this.#owner = undefined;
    if (this.startedAt >= 0) this.durationMs = now - this.startedAt;
    this.#settlement?.resolve(this.report());
  }

  /** What became of it; only meaningful once it is settled. */
  report(): TaskReport {
    const report = {
      id: this.id,
      name: this.name,
      state: this.state as TerminalTaskState,
      attempts: this.attempts,
      durationMs: this.durationMs,
    };
    return this.state === 'failed' || this.state === 'timed-out' ? { ...report, error: this.error } : report;
  }
}
