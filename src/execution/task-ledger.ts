import type { FailedAttempt, TaskEndReason } from '../contracts/task-events.js';
import type { TaskReport, TerminalTaskState } from '../contracts/task-report.js';
import type { ObservedEvents } from '../observation/observation.js';
import { aboutAddedTask, aboutTask, type Observed } from '../observation/observed-task.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import type { Described, TaskLog } from './task-log.js';

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
    private readonly events: ObservedEvents,
    private readonly log: TaskLog,
    /** Whether failures are kept for the testing helpers. In production an error may keep a whole request alive. */
    private readonly keepsFailures: boolean,
  ) {}

  /** The failures since the last call, or those of them that `isTaken` says. */
  takeFailures(isTaken: (failure: TaskReport) => boolean = () => true): TaskReport[] {
    const all = this.#failures.splice(0);
    this.#failures.push(...all.filter((failure) => !isTaken(failure)));
    return all.filter(isTaken);
  }

  stats(): TaskStats {
    return { ...this.#counts };
  }

  accept(task: QueuedTask, owner: Observed): void {
    this.#counts.accepted++;
    this.#counts.waiting++;
    if (this.onNextAccepted) {
      const { onNextAccepted } = this;
      this.onNextAccepted = undefined;
      onNextAccepted(task.name);
    }
    task.accepted();
    const { taskAccepted } = this.events;
    if (taskAccepted.isHeard) taskAccepted.tell(aboutAddedTask(task, owner));
  }

  start(task: QueuedTask, now: number): void {
    task.state = 'running';
    task.startedAt = now;
    this.#counts.waiting--;
    this.#counts.running++;
  }

  /** Counts an attempt of a task that has started. */
  attempt(task: QueuedTask, owner: Observed): void {
    task.attempts++;
    const { taskStarted } = this.events;
    if (taskStarted.isHeard) taskStarted.tell({ ...aboutTask(task, owner), attempt: task.attempts });
  }

  /** Takes note that an attempt has failed, and that another follows. */
  retry(task: QueuedTask, owner: Observed, failure: Omit<FailedAttempt, 'attempt'>): void {
    const { taskRetried } = this.events;
    if (taskRetried.isHeard) taskRetried.tell({ ...aboutTask(task, owner), attempt: task.attempts, ...failure });
  }

  progress(task: QueuedTask, owner: Observed, value: unknown): void {
    task.progressed(value);
    const { taskProgressed } = this.events;
    if (taskProgressed.isHeard) taskProgressed.tell({ ...aboutTask(task, owner), value });
  }

  end(task: QueuedTask, owner: QueueOwner, { state, reason, error }: TaskEnd, now?: number): void {
    this.#counts[task.state === 'running' ? 'running' : 'waiting']--;
    this.#counts[state]++;
    task.settle(state, error, now);
    const hasFailed = state === 'failed' || state === 'timed-out';
    const isRetried = hasFailed && task.willRetry?.(error) === true;
    if (hasFailed) {
      this.log.failure(task, isRetried, owner.origin);
      if (this.keepsFailures && !isRetried && this.#failures.push(task.report()) > KEPT_FAILURES)
        this.#failures.shift();
    }
    const { taskSettled } = this.events;
    if (!taskSettled.isHeard) return;
    taskSettled.tell({ ...aboutTask(task, owner), report: task.report(), ...(reason && { reason }), isRetried });
  }
}

/** The scope that the tasks of a queue belong to, or the jobs of this process. */
export interface QueueOwner extends Observed {
  readonly tasks: BackgroundTasks;
  readonly origin: Described;
}

/** The way in which a task ends. */
export interface TaskEnd {
  readonly state: TerminalTaskState;
  /** The reason why it did not run to its end. */
  readonly reason?: TaskEndReason;
  readonly error?: unknown;
}

/** The end of what somebody has cancelled. */
export const CANCELLED: TaskEnd = { state: 'cancelled', reason: 'cancelled' };

/** The end of what the shutdown deadline has met. */
export const ABANDONED: TaskEnd = { state: 'abandoned', reason: 'deadline' };

/** The end of what waits behind a task that failed, where that stops the queue. */
export const SKIPPED: TaskEnd = { state: 'skipped', reason: 'earlier-task-failed' };

/** The number of tasks in each state: `accepted` = `waiting` + `running` + all the others, at all times. */
export type TaskStats = Readonly<Record<'accepted' | 'waiting' | 'running' | TerminalTaskState, number>>;
