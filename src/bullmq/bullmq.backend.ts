import { BackendUnavailableError } from '../errors/named-task-errors.js';
import { type EnqueuedTask, type NamedTaskRunner, TaskBackend } from '../contracts/task-backend.js';
import type { BackendSettings } from '../contracts/backend-settings.js';
import { checkAll } from '../options/checks.js';
import { BullMqLog } from './bullmq-log.js';
import type { ResolvedBullMqOptions } from './options/bullmq-options.js';
import { AnswerLimit, endsWithin } from './server/time-limit.js';
import { failureReason } from './server/failure-reason.js';
import type { JobServer, NewJob, TaskQueue } from './server/job-server.js';
import { checkBullMqSettings } from './options/bullmq-task-settings.js';
import { newJob } from './server/new-job.js';
import { ServerLink } from './server/server-link.js';
import { TaskWorker } from './worker/task-worker.js';

/** A server that is gone answers no farewell. */
const CLOSE_MS = 500;

/** Keeps named tasks in a queue of BullMQ, and runs those of the queue if this process is a worker. */
export class BullMqBackend extends TaskBackend {
  readonly #log: BullMqLog;
  readonly #link: ServerLink;
  #worker: TaskWorker | undefined;
  #isStopping = false;

  constructor(
    private readonly server: JobServer,
    private readonly options: ResolvedBullMqOptions,
  ) {
    super();
    this.#log = new BullMqLog(server.kind, options.fallback === 'in-process');
    this.#link = new ServerLink(server, this.#log);
  }

  /** Begins to connect, and waits a moment, so that what is enqueued first is not refused for want of a connection. Never rejects. */
  async open(): Promise<void> {
    await endsWithin(this.#link.open(), this.options.answerTimeoutMs);
  }

  /** BullMQ's own queue, for a dashboard or a look at its jobs. Its commands fail at once while the server is away, and wait for one that is frozen. */
  get queue(): TaskQueue {
    return this.server.queue;
  }

  /** Why no task can be accepted now; `undefined` if one can, as far as is known. */
  get unavailableBecause(): string | undefined {
    return this.#link.closedBecause;
  }

  override checkSettings(path: string, settings: BackendSettings): void {
    checkAll<BackendSettings>(path, settings, { bullmq: checkBullMqSettings });
  }

  override assertReady(): void {
    if (this.options.fallback === undefined) this.#link.assertOpen('A task');
  }

  override async accept(batch: readonly EnqueuedTask[]): Promise<void> {
    if (this.unavailableBecause !== undefined && this.options.fallback !== undefined) {
      for (const task of batch) task.runHere();
      return;
    }
    const what = describeBatch(batch);
    this.#link.assertOpen(what);
    const jobs = batch.map((task) => newJob(task, this.options));
    const limit = new AnswerLimit(this.options.answerTimeoutMs);
    try {
      await this.#add(what, jobs, limit);
    } finally {
      limit.clear();
    }
  }

  override start(runner: NamedTaskRunner): void {
    const { worker, removeOnComplete, removeOnFail } = this.options;
    if (worker === false || this.#isStopping) return;
    const settings = { ...worker, removeOnComplete, removeOnFail };
    this.#worker = new TaskWorker(this.server, this.#link, runner, settings, this.#log);
  }

  override pause(): void {
    this.#isStopping = true;
    this.#worker?.pause();
  }

  /** Closes the worker, in `closeTimeoutMs` at most, then the connections. Not before the drain has ended. */
  async close(): Promise<void> {
    this.pause();
    await this.#worker?.close();
    this.#link.close();
    await endsWithin(this.server.queue.close(), CLOSE_MS).catch(() => undefined);
    await this.server.disconnect();
  }

  async #add(what: string, jobs: readonly NewJob[], { late }: AnswerLimit): Promise<void> {
    try {
      await Promise.race([this.server.add(jobs), late]);
      this.#link.accepted(jobs);
    } catch (error) {
      const reason = failureReason(error);
      const clearedUp = this.#link.doubt(jobs, reason);
      // A server that refused half of a batch is rid of the other half when the caller hears of it.
      await Promise.race([clearedUp, late]).catch(() => undefined);
      throw new BackendUnavailableError(what, `${this.server.kind}: ${reason}`, { cause: error });
    }
  }
}

function describeBatch(batch: readonly EnqueuedTask[]): string {
  const names = [...new Set(batch.map(({ envelope }) => `"${envelope.name}"`))].slice(0, 5).join(', ');
  return batch.length === 1 ? `Task ${names}` : `${batch.length} tasks (${names})`;
}
