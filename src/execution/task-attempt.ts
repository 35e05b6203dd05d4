import type { EndedTask } from '../contracts/ended-task.js';
import type { ObservedScope } from '../contracts/task-events.js';
import type { TaskContext } from '../contracts/task-context.js';
import type { JsonValue } from '../contracts/task-envelope.js';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import { type AsyncContext, asyncContext } from '../tasks/async-context.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { outcomeFor } from './run-condition.js';
import type { TaskQueue } from './task-queue.js';

/** One call of a task's function, as the function sees it through `currentTask()`. */
export class TaskAttempt implements TaskContext, AsyncContext {
  #controller: AbortController | undefined;
  #abortReason: unknown;
  #giveUp: ((reason: Error) => void) | undefined;
  /** Set once it has succeeded, failed, timed out or been given up: what it does later is ignored. */
  isOver = false;
  readonly outcome: TaskOutcome;

  constructor(
    readonly queued: QueuedTask,
    readonly attempt: number,
    private readonly queue: TaskQueue,
  ) {
    this.outcome = queued.leftScope?.outcome ?? outcomeFor(queued, queue.outcome!);
  }

  get id(): string {
    return this.queued.id;
  }

  get name(): string {
    return this.queued.name;
  }

  get context(): JsonValue | undefined {
    return this.queued.captured;
  }

  get group(): readonly EndedTask[] | undefined {
    return this.queued.groupEnds;
  }

  get observed(): ObservedScope | undefined {
    return this.queue.owner.observed;
  }

  get tasks(): BackgroundTasks {
    return this.queue.owner.tasks;
  }

  get task(): TaskContext {
    return this;
  }

  /** Made on first use: most tasks never read it. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  progress(value: unknown): void {
    if (!this.isOver) this.queue.engine.ledger.progress(this.queued, this.queue.owner, value);
  }

  /** Rejects once nobody waits for the attempt any more: it took too long, or was abandoned. */
  get givenUp(): Promise<never> {
    return new Promise((_resolve, reject) => (this.#giveUp = reject));
  }

  giveUp(reason: Error): void {
    this.isOver = true;
    this.#giveUp?.(reason);
  }

  abort(reason: Error): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    // Listeners run within abort(). They need the async context of the task, not of the timer that aborts it.
    if (this.#controller)
      this.queued.runInAsyncScope(() => asyncContext.run(this, () => this.#controller!.abort(reason)));
  }
}
