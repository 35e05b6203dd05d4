import { observedTask } from '../observation/observed-task.js';
import { asyncContext } from '../tasks/async-context.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { backoffMs } from './backoff.js';
import { discardFollowUps } from './run-condition.js';
import { TaskAttempt } from './task-attempt.js';
import type { TaskEngine } from './task-engine.js';
import { ABANDONED, CANCELLED, type TaskEnd } from './task-ledger.js';
import type { TaskQueue } from './task-queue.js';
import { promiseOfResult } from './task-result.js';
import { traced } from './traced.js';

/** A task that has started: its attempts, their time limit and the waits between them. */
export class TaskRun {
  #attempt: TaskAttempt | undefined;
  #timer: NodeJS.Timeout | undefined;
  #abortReason: Error | undefined;
  #isFinished = false;
  #isCancelled = false;
  #lastError: unknown;

  constructor(
    readonly task: QueuedTask,
    private readonly queue: TaskQueue,
  ) {}

  start(): void {
    // It may have waited for its next attempt.
    if (this.#isFinished) return;
    const { task, queue } = this;
    queue.engine.ledger.attempt(task, queue.owner);
    const attempt = (this.#attempt = new TaskAttempt(task, task.attempts, queue));
    if (this.#abortReason) attempt.abort(this.#abortReason);
    const timeoutMs = task.options.timeoutMs ?? this.queue.engine.options.timeoutMs;
    if (timeoutMs !== undefined) this.#timer = setTimeout(() => this.#timeOut(attempt, timeoutMs), timeoutMs);
    let result: Promise<unknown> | undefined;
    try {
      result = task.runInAsyncScope(call, undefined, attempt, queue.engine);
      // In here because a promise may bring a `then` of its own, which may throw.
      result?.then(
        () => this.#attemptEnded(attempt, 'succeeded'),
        (error: unknown) => this.#attemptEnded(attempt, 'failed', error),
      );
    } catch (error) {
      this.#attemptEnded(attempt, 'failed', error);
      return;
    }
    if (!result) this.#attemptEnded(attempt, 'succeeded');
  }

  /** Aborts the signal. A task that waits for its next attempt makes none. */
  abort(reason: Error): void {
    this.#abortReason = reason;
    this.#attempt?.abort(reason);
    if (this.#attempt?.isOver && !this.#isFinished) {
      this.#finish(this.#isCancelled ? CANCELLED : { state: 'failed', error: this.#lastError });
    }
  }

  /** Aborts the signal, and makes no other attempt. Unless the task succeeds all the same, it ends as `cancelled`. */
  cancel(): void {
    this.#isCancelled = true;
    this.abort(new DOMException('The task was cancelled.', 'AbortError'));
  }

  /** Ends it at once and ignores what the function still does. */
  abandon(): void {
    this.#attempt?.giveUp(new DOMException('The application has shut down.', 'AbortError'));
    this.#finish(ABANDONED);
  }

  #timeOut(attempt: TaskAttempt, timeoutMs: number): void {
    const error = new DOMException(`Task "${this.task.name}" took longer than ${timeoutMs} ms.`, 'TimeoutError');
    attempt.abort(error);
    this.#attemptEnded(attempt, 'timed-out', error);
    attempt.giveUp(error);
  }

  #attemptEnded(attempt: TaskAttempt, state: 'succeeded' | 'failed' | 'timed-out', error?: unknown): void {
    if (attempt.isOver) return;
    attempt.isOver = true;
    const retry = this.task.options.retry ?? this.queue.engine.options.retry;
    if (state === 'succeeded' || !retry || this.task.attempts >= retry.attempts || this.#abortReason) {
      if (state === 'succeeded') this.#finish(SUCCEEDED);
      else this.#finish(this.#isCancelled ? CANCELLED : { state, error });
      return;
    }
    this.#lastError = error;
    const { queue, task } = this;
    discardFollowUps(task, queue);
    clearTimeout(this.#timer);
    const delayMs = backoffMs(task.attempts, retry);
    this.#timer = setTimeout(() => queue.startAgain(this), delayMs);
    queue.engine.ledger.retry(task, queue.owner, { state, error, delayMs });
  }

  #finish(end: TaskEnd): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    clearTimeout(this.#timer);
    this.queue.ended(this, end);
  }
}

const SUCCEEDED: TaskEnd = { state: 'succeeded' };

/**
 * Calls the function in the async context of the `addTask` call, and `then()` of what it returns: a query builder does
 * its work there. The store is entered, not run with: the task's own scope ends it, and run() costs a task twice as
 * much.
 */
function call(attempt: TaskAttempt, engine: TaskEngine): Promise<unknown> | undefined {
  asyncContext.enterWith(attempt);
  if (!engine.options.tracing) return promiseOfResult(attempt.queued.invoke(), attempt);
  return traced(
    engine,
    (tracing, work) => tracing.run(observedTask(attempt.queued), work),
    () => promiseOfResult(attempt.queued.invoke(), attempt),
  );
}
