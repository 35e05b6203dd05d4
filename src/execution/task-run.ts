import type { TerminalTaskState } from '../contracts/task-report.js';
import type { ResolvedModuleOptions } from '../options/module-options.js';
import { ambient } from '../tasks/ambient.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { awaited } from './awaited.js';
import { backoffMs } from './backoff.js';
import { TaskAttempt, type TaskUnit } from './task-attempt.js';

/** Whoever started a task. */
export interface RunOwner {
  /** Called once, with the state the task is to end in. */
  finished(run: TaskRun, state: TerminalTaskState, error?: unknown): void;
}

/** A task that has started: its attempts, their time limit and the waits between them. */
export class TaskRun {
  #attempt: TaskAttempt | undefined;
  #timer: NodeJS.Timeout | undefined;
  #abortReason: Error | undefined;
  #isOver = false;
  #lastError: unknown;

  constructor(
    readonly task: QueuedTask,
    private readonly unit: TaskUnit,
    private readonly options: ResolvedModuleOptions,
    private readonly owner: RunOwner,
  ) {}

  start(): void {
    const { task } = this;
    const attempt = (this.#attempt = new TaskAttempt(task, ++task.attempts, this.unit));
    if (this.#abortReason) attempt.abort(this.#abortReason);
    const timeoutMs = task.options.timeoutMs ?? this.options.timeoutMs;
    if (timeoutMs !== undefined) this.#timer = setTimeout(() => this.#timeOut(attempt, timeoutMs), timeoutMs);
    let isPending: boolean;
    try {
      const result: unknown = task.runInAsyncScope(call, undefined, attempt);
      isPending = result instanceof Promise;
      if (isPending) {
        // In here because a promise may bring a `then` of its own, which may throw.
        (result as Promise<unknown>).then(
          () => this.#ended(attempt, 'succeeded'),
          (error: unknown) => this.#ended(attempt, 'failed', error),
        );
      }
    } catch (error) {
      this.#ended(attempt, 'failed', error);
      return;
    }
    if (!isPending) this.#ended(attempt, 'succeeded');
  }

  /** Aborts the signal. A task that waits for its next attempt makes none. */
  abort(reason: Error): void {
    this.#abortReason = reason;
    this.#attempt?.abort(reason);
    if (this.#attempt?.isOver && !this.#isOver) this.#finish('failed', this.#lastError);
  }

  /** Stops caring: whatever the function still does is ignored. */
  abandon(): void {
    this.#attempt?.giveUp(new DOMException('The application has shut down.', 'AbortError'));
    this.#finish('abandoned');
  }

  #timeOut(attempt: TaskAttempt, timeoutMs: number): void {
    const error = new DOMException(`Task "${this.task.name}" took longer than ${timeoutMs} ms.`, 'TimeoutError');
    attempt.abort(error);
    this.#ended(attempt, 'timed-out', error);
    attempt.giveUp(error);
  }

  #ended(attempt: TaskAttempt, state: 'succeeded' | 'failed' | 'timed-out', error?: unknown): void {
    if (attempt.isOver) return;
    attempt.isOver = true;
    const retry = this.task.options.retry ?? this.options.retry;
    if (state === 'succeeded' || !retry || this.task.attempts >= retry.attempts || this.#abortReason) {
      this.#finish(state, error);
      return;
    }
    this.#lastError = error;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), backoffMs(this.task.attempts, retry));
  }

  #finish(state: TerminalTaskState, error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.owner.finished(this, state, error);
  }
}

/**
 * Runs in the async context of the `addTask` call. A thenable is adopted here, too: a query
 * builder does its work in `then()`, and belongs to the same context.
 */
function call(attempt: TaskAttempt): unknown {
  return ambient.runTask(attempt, invoke);
}

function invoke({ queued }: TaskAttempt): unknown {
  return awaited(queued.invoke());
}
