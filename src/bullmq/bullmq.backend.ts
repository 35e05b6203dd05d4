import { Inject, Injectable } from '@nestjs/common';
import {
  type BackendHealth,
  type BackendListener,
  type BackendSettings,
  type EnqueuedTask,
  type NamedTaskRunner,
  TaskBackend,
} from '../contracts/task-backend.js';
import type { Transaction } from '../contracts/transaction.js';
import { BackendUnavailableError } from '../errors/named-task-errors.js';
import { checkAll } from '../options/checks.js';
import { BullMqHealth } from './bullmq-health.js';
import { checkBullMqSettings } from './options/bullmq-task-settings.js';
import { checkBatchSize } from './server/batch-size.js';
import { failureReason } from './server/failure-reason.js';
import { newJob } from './server/new-job.js';
import { QueueServer, type TaskQueue } from './server/queue-server.js';
import type { TaskWorker } from './worker/task-worker.js';

/** The queue of named tasks. */
export abstract class BullMqBackend {
  /**
   * BullMQ's own queue, for a dashboard or to inspect its jobs. Its commands fail at once while there is no connection,
   * and wait while the server is frozen.
   */
  abstract readonly queue: TaskQueue;

  /** The reason why no task can be accepted now; `undefined` if one can, as far as is known. */
  abstract readonly unavailableBecause: string | undefined;
}

/** Hands named tasks to BullMQ, and runs those of the queue if this process is a worker. */
@Injectable()
export class BullMqTaskBackend extends TaskBackend implements BullMqBackend {
  #worker: TaskWorker | undefined;
  #isPaused = false;

  constructor(@Inject(QueueServer) private readonly server: QueueServer) {
    super();
  }

  get queue(): TaskQueue {
    return this.server.queue;
  }

  get unavailableBecause(): string | undefined {
    return this.server.unavailableBecause;
  }

  override checkSettings(path: string, settings: BackendSettings): void {
    checkAll<BackendSettings>(path, settings, { bullmq: checkBullMqSettings });
  }

  override assertReady(): void {
    if (!this.server.options.fallback) this.server.assertAvailable('A task');
  }

  override checkBatch(batch: readonly EnqueuedTask[]): void {
    if (!this.#runsHere) checkBatchSize(describeBatch(batch), batch);
  }

  override async accept(batch: readonly EnqueuedTask[]): Promise<void> {
    if (batch.length === 0) return;
    if (this.#runsHere) {
      for (const task of batch) task.runHere();
      this.server.log.fellBack(batch.map(({ envelope }) => envelope.name));
      return;
    }
    this.checkBatch(batch);
    const what = describeBatch(batch);
    this.server.assertAvailable(what);
    const jobs = batch.map((task) => newJob(task, this.server.options));
    try {
      await this.server.add(jobs);
    } catch (error) {
      throw new BackendUnavailableError(what, `not confirmed by ${this.server.kind} (${failureReason(error)})`, {
        cause: error,
        fix: 'It may still run. Try again with the same idempotency key, which makes the retry the same job.',
      });
    }
  }

  override async acceptWithin(transaction: Transaction, batch: readonly EnqueuedTask[]): Promise<void> {
    const { server } = this;
    const what = describeBatch(batch);
    await server.insert(
      what,
      transaction,
      batch.map((task) => newJob(task, server.options)),
    );
  }

  get #runsHere(): boolean {
    return this.unavailableBecause !== undefined && this.server.options.fallback !== undefined;
  }

  override watch(listener: BackendListener): void {
    this.server.outages.watch(listener);
  }

  /** With a fallback, tasks run while the server is down. */
  override async health(): Promise<BackendHealth> {
    const { status, reasons } = await new BullMqHealth(this.server).check();
    return { status: status === 'down' && this.server.options.fallback ? 'degraded' : status, reasons };
  }

  override async start(runner: NamedTaskRunner): Promise<void> {
    const { worker } = this.server.options;
    if (worker === false) return;
    // Not a static import, because it needs BullMQ: without it the error is to come from openServer().
    const { TaskWorker } = await import('./worker/task-worker.js');
    if (!this.#isPaused) this.#worker = new TaskWorker(this.server, runner, worker);
  }

  override pause(): void {
    this.#isPaused = true;
    this.#worker?.pause();
  }

  /** Closes the worker, in `closeTimeoutMs` at most, then the connections. To be called after the drain. */
  async close(): Promise<void> {
    this.pause();
    await this.#worker?.close();
    await this.server.close();
  }
}

function describeBatch(batch: readonly EnqueuedTask[]): string {
  const names = [...new Set(batch.map(({ envelope }) => `"${envelope.name}"`))].slice(0, 5).join(', ');
  return batch.length === 1 ? `Task ${names}` : `${batch.length} tasks (${names})`;
}
