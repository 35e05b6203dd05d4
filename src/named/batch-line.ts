import type { BatchOptions, BatchTrigger } from '../contracts/batch-options.js';
import type { JsonValue } from '../contracts/task-envelope.js';
import { BatchPermits } from '../execution/batch-permits.js';
import type { TaskAttempt } from '../execution/task-attempt.js';
import { TaskQueue } from '../execution/task-queue.js';
import { noteBatch, observedTask } from '../observation/observed-task.js';
import { SUCCESS } from '../scope/outcome.js';
import type { RequestScopes } from '../scope/request-scopes.js';
import type { NextQueue, QueuedTask } from '../tasks/queued-task.js';
import { Batch } from './batch.js';

/** The tasks of one definition that wait for a batch, those of all requests and of a backend alike. */
export class BatchLine implements NextQueue {
  readonly queue: TaskQueue;
  readonly #permits: BatchPermits;
  /** The batch that begins. */
  #next: Batch | undefined;

  constructor(
    private readonly scopes: RequestScopes,
    private readonly settings: BatchLineSettings,
  ) {
    const { pending, running } = scopes.engine.limits;
    this.#permits = new BatchPermits(settings.options, running, (...batch) => this.#run(...batch));
    const limits = { concurrency: Infinity, pending, running: this.#permits, isShared: true };
    this.queue = new TaskQueue(scopes.engine, scopes, limits);
  }

  takeOver(task: QueuedTask): void {
    this.queue.takeOver(task, SUCCESS, () => {
      this.settings.idle();
      this.scopes.closed();
    });
  }

  cancel(task: QueuedTask): boolean {
    return this.queue.cancel(task);
  }

  /** Adds an attempt to the batch that begins. Called by the function of its task. */
  join(attempt: TaskAttempt, payload: unknown): Promise<void> {
    return this.#next!.join(attempt, payload);
  }

  /** Begins a batch with the tasks that wait for more. */
  begin(): void {
    this.#permits.begin();
  }

  /** Waits for no more tasks from now on. */
  flush(): void {
    this.#permits.flush();
  }

  async #run(grant: () => void, trigger: BatchTrigger, waitedMs: number): Promise<void> {
    const { name, context, run } = this.settings;
    const batch = (this.#next = new Batch(name, context));
    grant();
    // All of them may have been cancelled, or have payloads that their schema refuses.
    if (batch.size === 0) return;
    for (const { queued } of batch.attempts) noteBatch(queued, { id: batch.id, size: batch.size });
    const { batchFlushed } = this.scopes.engine.events;
    if (batchFlushed.isHeard) {
      const tasks = batch.attempts.map(({ queued }) => observedTask(queued));
      batchFlushed.tell({ batch: { id: batch.id, name }, tasks, trigger, waitedMs });
    }
    await run(batch);
  }
}

export interface BatchLineSettings {
  /** The name of the definition. */
  readonly name: string;
  readonly options: BatchOptions;
  /** The context that all its tasks share. */
  readonly context: JsonValue | undefined;
  /** Runs the handler, and ends the attempts. Never rejects. */
  readonly run: (batch: Batch) => Promise<void>;
  /** Called when no task is left. */
  readonly idle: () => void;
}
