import { Inject, Injectable } from '@nestjs/common';
import {
  type BackendHealth,
  type BackendListener,
  type BackendSettings,
  type EnqueuedTask,
  type NamedTaskRunner,
  TaskBackend,
} from '../contracts/task-backend.js';
import type { CancelAnswer, NamedTaskReport } from '../contracts/named-task-report.js';
import type { Transaction } from '../contracts/transaction.js';
import { BackendUnavailableError } from '../errors/named-task-errors.js';
import { checkAll } from '../options/checks.js';
import type { TaskDefinition } from '../tasks/task-definition.js';
import { BullMqHealth } from './bullmq-health.js';
import { checkBullMqSettings } from './options/bullmq-task-settings.js';
import type { ResolvedWorkerOptions } from './options/resolve-bullmq-options.js';
import { checkBatchSize } from './server/batch-size.js';
import { cancelJob } from './server/cancel-job.js';
import { failureReason } from './server/failure-reason.js';
import { findJob, groupOf, reportOf } from './server/find-job.js';
import { newJobs } from './server/new-job.js';
import { QueueServer, type TaskQueue } from './server/queue-server.js';
import { queueOfBatches } from './server/task-queues.js';
import type { TaskWorker, WorkedQueue } from './worker/task-worker.js';

/** The queue of named tasks. */
export abstract class BullMqBackend {
  /**
   * BullMQ's own queue, for a dashboard or to inspect its jobs. Its commands fail at once while there is no connection,
   * and wait while the server is frozen.
   */
  abstract readonly queue: TaskQueue;

  /**
   * The queue that has the tasks of a definition: one of its own if they run in batches, named
   * `<queueName>.<name of the task>`, else {@link queue}.
   */
  abstract queueOf(definition: TaskDefinition): TaskQueue;

  /** The reason why no task can be accepted now; `undefined` if one can, as far as is known. */
  abstract readonly unavailableBecause: string | undefined;
}

/** Hands named tasks to BullMQ, and runs those of the queue if this process is a worker. */
@Injectable()
export class BullMqTaskBackend extends TaskBackend implements BullMqBackend {
  override readonly takesGroups = true;
  readonly #workers = new Map<string, TaskWorker>();
  #addWorkers: (() => void) | undefined;
  #runner: NamedTaskRunner | undefined;
  #isPaused = false;

  constructor(@Inject(QueueServer) private readonly server: QueueServer) {
    super();
  }

  get queue(): TaskQueue {
    return this.server.queue;
  }

  queueOf({ name, batch }: TaskDefinition): TaskQueue {
    return batch ? this.server.queues.get(queueOfBatches(this.server.options.queueName, name)) : this.queue;
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
    try {
      await this.server.add(newJobs(batch, this.server.options));
    } catch (error) {
      throw new BackendUnavailableError(what, `not confirmed by ${this.server.kind} (${failureReason(error)})`, {
        cause: error,
        fix: batch.some(({ before }) => before !== undefined) ? NOT_CONFIRMED_GROUP : NOT_CONFIRMED,
      });
    }
  }

  override async acceptWithin(transaction: Transaction, batch: readonly EnqueuedTask[]): Promise<void> {
    const { server } = this;
    const what = describeBatch(batch);
    await server.insert(what, transaction, newJobs(batch, server.options));
  }

  override findTask(id: string): Promise<NamedTaskReport | undefined> {
    return this.#answered(id, 'looked up', async () => {
      const found = await findJob(this.#queues(), id);
      return found && { ...reportOf(found, id), ...(await groupOf(found.job)) };
    });
  }

  override watchTasks(changed: (id?: string) => void): () => void {
    const ends = this.#queues().map(({ name }) => this.server.queues.watch(name, changed));
    return () => {
      for (const end of ends) end();
    };
  }

  override cancelTask(id: string): Promise<CancelAnswer> {
    return this.#answered(id, 'cancelled', async () => {
      const found = await findJob(this.#queues(), id);
      return found ? cancelJob(this.server, found) : 'unknown';
    });
  }

  /** Asks the server about a task. `action` names in errors what could not be done. */
  async #answered<T>(id: string, action: string, ask: () => Promise<T>): Promise<T> {
    const { kind, unavailableBecause } = this.server;
    try {
      if (unavailableBecause !== undefined) throw new Error(unavailableBecause);
      return await this.server.answered(ask());
    } catch (error) {
      const fix = 'Try again later.';
      throw new BackendUnavailableError(`Task ${id}`, `${kind}: ${failureReason(error)}`, {
        cause: error,
        action,
        fix,
      });
    }
  }

  /** All queues that tasks of this application may be in. */
  #queues(): TaskQueue[] {
    const { queues, options } = this.server;
    const ofBatches = [...(this.#runner?.batches.keys() ?? [])].map((name) => queueOfBatches(options.queueName, name));
    return [this.queue, ...ofBatches.map((name) => queues.get(name))];
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
    this.#runner = runner;
    const { worker } = this.server.options;
    if (worker === false) return;
    // Not a static import, because it needs BullMQ: without it the error is to come from openServer().
    const { TaskWorker } = await import('./worker/task-worker.js');
    this.#addWorkers = () => {
      for (const queue of workedQueues(this.server.options.queueName, worker, runner)) {
        if (this.#isPaused || this.#workers.has(queue.name)) continue;
        this.#workers.set(queue.name, new TaskWorker(this.server, runner, worker, queue));
      }
    };
    this.#addWorkers();
  }

  override handlersLoaded(): void {
    this.#addWorkers?.();
  }

  override pause(): void {
    this.#isPaused = true;
    for (const worker of this.#workers.values()) worker.pause();
  }

  /** Closes the workers, in `closeTimeoutMs` at most, then the connections. To be called after the drain. */
  async close(): Promise<void> {
    this.pause();
    await Promise.all([...this.#workers.values()].map((worker) => worker.close()));
    await this.server.close();
  }
}

/** The queues that a worker process takes tasks from. */
function workedQueues(
  queueName: string,
  { concurrency }: ResolvedWorkerOptions,
  runner: NamedTaskRunner,
): WorkedQueue[] {
  const main = {
    name: queueName,
    get tasks() {
      return runner.names;
    },
    concurrency,
  };
  const ofBatches = [...runner.batches].map(([task, { maxSize }]) => ({
    name: queueOfBatches(queueName, task),
    tasks: [task],
    // One batch runs while the next one gathers.
    concurrency: 2 * maxSize,
  }));
  return [main, ...ofBatches];
}

const NOT_CONFIRMED = 'It may still run. Try again with the same idempotency key, which makes the retry the same job.';
const NOT_CONFIRMED_GROUP = 'It may still run. A group that is enqueued again is another group.';

function describeBatch(batch: readonly EnqueuedTask[]): string {
  const names = [...new Set(batch.map(({ envelope }) => `"${envelope.name}"`))].slice(0, 5).join(', ');
  return batch.length === 1 ? `Task ${names}` : `${batch.length} tasks (${names})`;
}
