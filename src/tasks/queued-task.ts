import { AsyncResource } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { EndedTask } from '../contracts/ended-task.js';
import type { JsonValue } from '../contracts/task-envelope.js';
import type { ObservedScope, ObservedTask } from '../contracts/task-events.js';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { TaskReport, TaskState, TerminalTaskState } from '../contracts/task-report.js';
import type { CheckedTaskOptions } from '../options/task-options.js';
import type { BackgroundTask } from './background-task.js';
import type { TaskCall } from './task-call.js';

/**
 * A task from `addTask` to its end. It is an AsyncResource because that is the cheapest way to run
 * the function in the async context of the line that added it. `AsyncLocalStorage.snapshot()` costs
 * hundreds of times as much. The context of the response's own events may be another request's.
 */
export class QueuedTask extends AsyncResource implements BackgroundTask {
  state: TaskState = 'waiting';
  attempts = 0;
  error: unknown;
  /** -1 until the first attempt. */
  startedAt = -1;
  durationMs = 0;
  /** Whether it holds a permit of `maxPending`. */
  hasPermit = false;
  /** The task as events show it, once one has. */
  observed: ObservedTask | undefined;
  /**
   * Whether it may start when its turn comes. A named task is handed over first, and is ready once its backend has it
   * run in this process. Until the backend has answered, nobody can cancel it. One of a group that is being added waits
   * for the others first.
   */
  stage: 'before-the-others' | 'before-hand-over' | 'handed-over' | 'ready' = 'ready';
  /** For a follow-up: the task that enqueued it. */
  follows: QueuedTask | undefined;
  idempotencyKey: string | undefined;
  /** Finds the queue that it leaves the one of its scope for when its turn comes; absent if it runs there. */
  next: (() => NextQueue) | undefined;
  /** Set once it has left the queue of its scope, which may have closed since. */
  leftScope: LeftScope | undefined;
  /** Its run, while it has one. */
  run: { cancel(): void } | undefined;
  /** For an attempt of a backend: whether another one follows when it ends with that error. */
  willRetry: ((error: unknown) => boolean) | undefined;
  readonly name: string;
  /** The name of the function, whatever the task is called. */
  readonly functionName: string;
  readonly addedAfterFailure: boolean;
  readonly chainLength: number;
  #call: TaskCall | undefined;
  #origin: Pick<TaskOrigin, 'cancel'> | undefined;
  #id: string | undefined;
  #settlement: { promise: Promise<TaskReport>; resolve(report: TaskReport): void } | undefined;

  constructor(
    call: TaskCall,
    readonly options: CheckedTaskOptions,
    origin: TaskOrigin,
    /** The line of the `addTask` call; absent unless `captureStackTraces` is on. */
    readonly stackTrace?: Error,
  ) {
    // Nobody listens for its destruction, and tracking it for the garbage collector has a cost.
    super('BackgroundTask', { requireManualDestroy: true });
    this.#call = call;
    this.#origin = origin;
    this.functionName = call.name;
    this.name = options.name ?? call.name;
    const { part } = options;
    this.addedAfterFailure = part ? part.failure !== undefined : origin.hasFailed;
    this.chainLength = origin.chainLength;
  }

  get id(): string {
    return (this.#id ??= randomUUID());
  }

  /** The context that a named task takes along. */
  get captured(): JsonValue | undefined {
    return undefined;
  }

  /** The ids of the tasks of its group, if it is the one that runs when they have ended. */
  get waitsFor(): readonly string[] | undefined {
    return undefined;
  }

  /** Those tasks as they have ended. */
  get groupEnds(): readonly EndedTask[] | undefined {
    return undefined;
  }

  /** Whether it was enqueued. */
  get isNamed(): boolean {
    return false;
  }

  get isSettled(): boolean {
    return this.state !== 'waiting' && this.state !== 'running';
  }

  cancel(): boolean {
    return this.#origin?.cancel(this) ?? false;
  }

  /** Leaves the queue of its scope for the next one. */
  leave(scope: LeftScope): void {
    const next = this.next!();
    this.next = undefined;
    this.leftScope = scope;
    this.#origin = next;
    next.takeOver(this);
  }

  get settled(): Promise<TaskReport> {
    if (this.#settlement) return this.#settlement.promise;
    if (this.isSettled) return Promise.resolve(this.report());
    let resolve!: (report: TaskReport) => void;
    const promise = new Promise<TaskReport>((fulfil) => (resolve = fulfil));
    this.#settlement = { promise, resolve };
    return promise;
  }

  /** Calls the function. */
  invoke(): unknown {
    const { fn, target, args } = this.#call!;
    return Reflect.apply(fn, target, args);
  }

  /** Called once a queue has it. */
  accepted(): void {}

  /** Called by `currentTask().progress()`. */
  progressed(_value: unknown): void {}

  /** Takes its final state and lets go of the function, its arguments and its request. */
  settle(state: TerminalTaskState, error?: unknown, now = performance.now()): void {
    this.state = state;
    this.error = error;
    this.#call = undefined;
    this.#origin = undefined;
    this.follows = undefined;
    this.run = undefined;
    if (this.startedAt >= 0) this.durationMs = now - this.startedAt;
    this.#settlement?.resolve(this.report());
  }

  /** Keeps what is internal out of a response, where a handler returns what `addTask` returned. */
  toJSON(): Pick<BackgroundTask, 'id' | 'name' | 'state'> {
    const { id, name, state } = this;
    return { id, name, state };
  }

  /** Returns its report. Only valid once it is settled. */
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

/** The circumstances in which a task was added. */
export interface TaskOrigin {
  /** Cancels the task if it waits. Returns whether it did. */
  cancel(task: QueuedTask): boolean;
  /** Whether the request was known to have failed by then. */
  readonly hasFailed: boolean;
  /** Number of tasks in a row that each added the next one; 0 for a task of the handler. */
  readonly chainLength: number;
}

/** A queue that takes tasks over from those of many scopes. */
export interface NextQueue extends Pick<TaskOrigin, 'cancel'> {
  takeOver(task: QueuedTask): void;
}

/** The part of a scope that a task needs after it has left it. */
export interface LeftScope {
  readonly origin: { readonly description: string };
  readonly outcome: TaskOutcome;
  /** The scope as events show it, where somebody listens. */
  readonly observed: ObservedScope | undefined;
}
