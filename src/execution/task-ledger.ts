import type { TaskEvent, TaskObserver } from '../contracts/task-observer.js';
import type { TaskReport, TerminalTaskState } from '../contracts/task-report.js';
import { isPromise } from '../errors/safely.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import type { TaskLog } from './task-log.js';

/** Number of failures that are kept for the testing helpers. */
const KEPT_FAILURES = 100;

/** Changes the state of every task, counts it and tells the observers. In one place, so that the counts add up. */
export class TaskLedger {
  readonly #counts = {
    accepted: 0,
    waiting: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    'timed-out': 0,
    skipped: 0,
    discarded: 0,
    cancelled: 0,
    abandoned: 0,
    enqueued: 0,
  };

  readonly #failures: TaskReport[] = [];
  /** Called with the name of the next task that is accepted, once. */
  onNextAccepted: ((name: string) => void) | undefined;

  constructor(
    private readonly observers: readonly TaskObserver[],
    private readonly log: TaskLog,
    /** Whether failures are kept for the testing helpers. In production an error may keep a whole request alive. */
    private readonly keepsFailures: boolean,
  ) {}

  /** The failures since the last call. */
  takeFailures(): TaskReport[] {
    return this.#failures.splice(0);
  }

  stats(): TaskStats {
    return { ...this.#counts };
  }

  accept(task: QueuedTask): void {
    this.#counts.accepted++;
    this.#counts.waiting++;
    if (this.onNextAccepted) {
      const { onNextAccepted } = this;
      this.onNextAccepted = undefined;
      onNextAccepted(task.name);
    }
    if (this.observers.length > 0) this.#tell((observer) => observer.taskAccepted?.(eventOf(task)));
  }

  start(task: QueuedTask, now: number): void {
    task.state = 'running';
    task.startedAt = now;
    this.#counts.waiting--;
    this.#counts.running++;
    if (this.observers.length > 0) this.#tell((observer) => observer.taskStarted?.(eventOf(task)));
  }

  progress(task: QueuedTask, value: unknown): void {
    task.progressed(value);
    this.#tell((observer) => observer.taskProgressed?.(eventOf(task), value));
  }

  end(task: QueuedTask, state: TerminalTaskState, error?: unknown, now?: number): void {
    this.#counts[task.state === 'running' ? 'running' : 'waiting']--;
    this.#counts[state]++;
    task.settle(state, error, now);
    if (state === 'failed' || state === 'timed-out') {
      const isRetried = task.willRetry?.(error) === true;
      this.log.failure(task, isRetried);
      if (this.keepsFailures && !isRetried && this.#failures.push(task.report()) > KEPT_FAILURES)
        this.#failures.shift();
    }
    if (this.observers.length > 0) {
      const report = task.report();
      this.#tell((observer) => observer.taskSettled?.(report));
    }
  }

  #tell(event: (observer: TaskObserver) => unknown): void {
    for (const observer of this.observers) {
      try {
        const told = event(observer);
        // The interface allows async methods as well.
        if (isPromise(told)) told.catch((error: unknown) => this.log.brokenObserver(observer, error));
      } catch (error) {
        this.log.brokenObserver(observer, error);
      }
    }
  }
}

function eventOf(task: QueuedTask): TaskEvent {
  return { id: task.id, name: task.name };
}

/** The number of tasks in each state: `accepted` = `waiting` + `running` + all the others, at all times. */
export type TaskStats = Readonly<Record<'accepted' | 'waiting' | 'running' | TerminalTaskState, number>>;
