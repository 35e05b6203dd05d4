import { DelayedError, type KeepJobs, UnrecoverableError, WaitingError } from 'bullmq';
import type { TaskEnvelope } from '../../contracts/task-envelope.js';
import type { NamedTaskRunner } from '../../contracts/task-backend.js';
import type { BullMqLog } from '../bullmq-log.js';
import type { ResolvedBullMqOptions, ResolvedWorkerOptions } from '../options/bullmq-options.js';
import type { BullMqRetention } from '../options/bullmq-task-settings.js';
import { endsWithin } from '../server/time-limit.js';
import { readEnvelope } from './job-envelope.js';
import { jobFailure } from './job-failure.js';
import type { JobServer, TaskJob, TaskJobWorker } from '../server/job-server.js';
import { LockLostError } from './lock-lost.js';
import { LoopWatch } from './loop-watch.js';
import { ownBackoff } from './retry-backoff.js';
import type { ServerLink } from '../server/server-link.js';

/** How long a task waits for a worker that knows it, at first and at most. */
const POSTPONE_MS = 1_000;
const MAX_POSTPONE_MS = 30_000;

/** How long it may take to tell the server that a task is left to others: without an answer its lock runs out. */
const GIVE_BACK_MS = 1_000;

/** How the worker is made, and for how long it keeps what has ended where a task does not say. */
type WorkerSettings = ResolvedWorkerOptions & Pick<ResolvedBullMqOptions, 'removeOnComplete' | 'removeOnFail'>;

/** Takes jobs from the queue and has them run. */
export class TaskWorker {
  readonly #worker: TaskJobWorker;
  readonly #running = new Map<TaskJob, TaskEnvelope>();
  /** What is running or being recorded, and has not been reported as lost. */
  readonly #held = new WeakMap<TaskJob, TaskEnvelope>();
  readonly #watch: LoopWatch;
  #isStopping = false;

  constructor(
    private readonly server: JobServer,
    private readonly link: ServerLink,
    private readonly runner: NamedTaskRunner,
    private readonly options: WorkerSettings,
    private readonly log: BullMqLog,
  ) {
    const { concurrency, lockDurationMs, stalledIntervalMs, maxStalledCount, limiter } = options;
    this.#worker = server.createWorker((job, token) => this.#process(job, token!), {
      concurrency,
      lockDuration: lockDurationMs,
      stalledInterval: stalledIntervalMs,
      maxStalledCount,
      // With each job it would be sent, stored and read again.
      removeOnComplete: keepJobs(options.removeOnComplete),
      removeOnFail: keepJobs(options.removeOnFail),
      // Its default of 15 s would be the time to find a server that is back.
      runRetryDelay: 500,
      settings: {
        backoffStrategy: (attemptsMade, type, _error, job) => ownBackoff(attemptsMade, type, job?.opts.backoff),
      },
      ...(limiter && { limiter: { max: limiter.max, duration: limiter.durationMs } }),
    });
    // Without a listener an error would end the process.
    this.#worker.on('error', (error) => {
      if (error instanceof LockLostError) void this.#refused(error.job);
      else log.workerError(error);
    });
    this.#worker.on('lockRenewalFailed', (ids) => {
      for (const job of this.#running.keys()) if (ids.includes(job.id!)) this.#lockLost(job);
    });
    this.#watch = new LoopWatch(lockDurationMs, (forMs) => {
      if (this.#running.size > 0) log.stoodStill(forMs, lockDurationMs, [...this.#running.values()]);
    });
  }

  pause(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    void this.#worker.pause(true).catch((error: unknown) => this.log.workerError(error));
  }

  /**
   * BullMQ's close() cannot be made a forced one later, and waits for ever for a job that does not
   * end or a server that is gone: so which of them it is has to be known before.
   */
  async close(): Promise<void> {
    this.#watch.stop();
    const ids = [...this.#running.keys()].map((job) => job.id!);
    if (ids.length > 0) this.log.cutOff(ids);
    const isForced = ids.length > 0 || this.link.closedBecause !== undefined;
    const closed = this.#worker.close(isForced).catch((error: unknown) => this.log.workerError(error));
    await endsWithin(closed, this.options.closeTimeoutMs);
  }

  async #process(job: TaskJob, token: string): Promise<void> {
    // What was being fetched when the drain began.
    if (this.#isStopping) return this.#leaveToOthers(job, token);
    const content = readEnvelope(job.data);
    if (content.kind === 'malformed') {
      this.log.malformedJob(job.id, content.problem);
      throw new UnrecoverableError(`This job is no task: ${content.problem}.`);
    }
    if (content.kind === 'newer') return this.#postpone(job, token, content.name, 'it is of a later version');
    if (!this.runner.isKnown(content.envelope.name)) {
      return this.#postpone(job, token, content.envelope.name, 'this one has no handler for it');
    }
    // All jobs of a schedule are made from one template.
    const task = job.repeatJobKey === undefined ? content.envelope : { ...content.envelope, id: job.id! };
    this.#running.set(job, task);
    this.#held.set(job, task);
    try {
      await this.#run(job, token, task);
    } finally {
      this.#watch.look();
      this.#running.delete(job);
    }
  }

  async #run(job: TaskJob, token: string, task: TaskEnvelope): Promise<void> {
    const { report, interruptedByShutdown } = await this.runner.run(task, {
      number: job.attemptsMade + 1,
      progressed: (value) => {
        // A value that is no JSON, or a server that is away, is no failure of the task.
        void job.updateProgress(value as object).catch((error: unknown) => this.log.workerError(error));
      },
    });
    if (report.state === 'succeeded') return;
    if (interruptedByShutdown) {
      this.log.leftToOthers(task.name, task.id);
      return this.#leaveToOthers(job, token);
    }
    throw jobFailure('error' in report ? report.error : new UnrecoverableError(`The task was ${report.state}.`));
  }

  /** A result whose answer was lost with the connection is sent again and refused then, but counts. Only what is certain is called lost. */
  async #refused(job: TaskJob): Promise<void> {
    const { attemptsMade, attemptsStarted } = job;
    const found = await this.server.queue.getJob(job.id!).catch(() => undefined);
    const isRecorded = !found || (found.attemptsStarted === attemptsStarted && found.attemptsMade > attemptsMade);
    if (!isRecorded) this.#lockLost(job);
  }

  /** A renewal that was refused comes first, and then its result; one line is enough. */
  #lockLost(job: TaskJob): void {
    const task = this.#held.get(job);
    this.#held.delete(job);
    if (task) this.log.lockLost(task);
  }

  /** Neither a failure nor an attempt: it waits again, in front of the others. */
  async #leaveToOthers(job: TaskJob, token: string): Promise<never> {
    await endsWithin(
      job.moveToWait(token).catch((error: unknown) => this.log.workerError(error)),
      GIVE_BACK_MS,
    );
    throw new WaitingError();
  }

  /** Neither a failure nor an attempt: it waits for longer each time, and is never dropped. */
  async #postpone(job: TaskJob, token: string, name: string, reason: string): Promise<never> {
    this.log.unknownTask(name, reason);
    const tries = Math.max(job.attemptsStarted - job.attemptsMade - 1, 0);
    const delayMs = Math.min(POSTPONE_MS * 2 ** tries, MAX_POSTPONE_MS);
    await job.moveToDelayed(Date.now() + delayMs, token);
    throw new DelayedError();
  }
}

/** A worker's setting has one form of the three that a job's has. */
function keepJobs(retention: BullMqRetention): KeepJobs {
  if (typeof retention === 'object') return retention;
  if (typeof retention === 'number') return { count: retention };
  return { count: retention ? 0 : -1 };
}
