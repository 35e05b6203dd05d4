import { BackendUnavailableError } from '../named-task-errors.js';
import { type EnqueuedTask, type NamedTaskRunner, TaskBackend } from '../tasks/task-backend.js';
import { BullMqLog } from './bullmq-log.js';
import type { ResolvedBullMqOptions } from './bullmq-options.js';
import { endsWithin } from './deadline.js';
import { failureReason } from './failure-reason.js';
import type { JobServer, NewJob, TaskQueue } from './job-server.js';
import { newJob } from './new-job.js';
import { ServerLink } from './server-link.js';
import { TaskWorker } from './task-worker.js';

/** Keeps named tasks in a queue of BullMQ, and runs those of the queue if this process is a worker. */
export class BullMqBackend extends TaskBackend {
  readonly name = 'bullmq';
  readonly #log: BullMqLog;
  readonly #link: ServerLink;
  #worker: TaskWorker | undefined;
  #isStopping = false;

  constructor(
    private readonly server: JobServer,
    private readonly options: ResolvedBullMqOptions,
  ) {
    super();
    this.#log = new BullMqLog(server.kind);
    this.#link = new ServerLink(server, this.#log);
  }

  /** Begins to connect, and waits a moment, so that what is enqueued first is not refused for want of a connection. Never rejects. */
  async open(): Promise<void> {
    await endsWithin(this.#link.open(), this.options.answerTimeoutMs);
  }

  /** BullMQ's own queue, for a dashboard or a look at its jobs. Its commands fail at once while the server is away. */
  get queue(): TaskQueue {
    return this.server.queue;
  }

  /** Why no task can be accepted now; `undefined` if one can, as far as is known. */
  get unavailableBecause(): string | undefined {
    return this.#link.closedBecause;
  }

  assertReady(): void {
    this.#link.assertOpen('A task');
  }

  async accept(batch: readonly EnqueuedTask[]): Promise<void> {
    if (batch.length === 0) return;
    const what = describeBatch(batch);
    this.#link.assertOpen(what);
    const jobs = batch.map((task) => newJob(task, this.options));
    await this.#within((deadline) => this.#add(what, jobs, deadline));
  }

  start(runner: NamedTaskRunner): void {
    const { worker, removeOnComplete, removeOnFail } = this.options;
    if (worker === false || this.#isStopping) return;
    const settings = { ...worker, removeOnComplete, removeOnFail };
    this.#worker = new TaskWorker(this.server, this.#link, runner, settings, this.#log);
  }

  stopTaking(): void {
    this.#isStopping = true;
    this.#worker?.stopTaking();
  }

  /** Closes the worker and the connections, in `closeTimeoutMs` at most. Not before the drain has ended. */
  async close(): Promise<void> {
    this.stopTaking();
    await this.#worker?.close();
    this.#link.close();
    await this.server.queue.close().catch(() => undefined);
    await this.server.disconnect();
  }

  async #add(what: string, jobs: readonly NewJob[], deadline: Promise<never>): Promise<void> {
    try {
      await Promise.race([this.server.add(jobs), deadline]);
      this.#link.accepted(jobs);
    } catch (error) {
      const reason = failureReason(error);
      const clearedUp = this.#link.doubt(jobs, reason);
      // A server that refused half of a batch is rid of the other half when the caller hears of it.
      await Promise.race([clearedUp, deadline]).catch(() => undefined);
      throw new BackendUnavailableError(what, `${this.server.kind}: ${reason}`, error);
    }
  }

  async #within(work: (deadline: Promise<never>) => Promise<void>): Promise<void> {
    const { answerTimeoutMs } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`it did not answer in ${answerTimeoutMs} ms`)), answerTimeoutMs);
    });
    deadline.catch(() => undefined);
    try {
      await work(deadline);
    } finally {
      clearTimeout(timer);
    }
  }
}

function describeBatch(batch: readonly EnqueuedTask[]): string {
  const names = [...new Set(batch.map(({ envelope }) => `"${envelope.name}"`))].slice(0, 5).join(', ');
  return batch.length === 1 ? `Task ${names}` : `${batch.length} tasks (${names})`;
}
