import { DelayedError, type KeepJobs, UnrecoverableError, WaitingError } from 'bullmq';
import type { TaskEnvelope } from '../../contracts/task-envelope.js';
import type { NamedTaskRunner } from '../../contracts/task-backend.js';
import { isInstance } from '../../errors/safely.js';
import { endsWithin } from '../../execution/time-limit.js';
import type { BullMqRetention } from '../options/bullmq-task-settings.js';
import type { ResolvedWorkerOptions } from '../options/resolve-bullmq-options.js';
import type { JobWorkerOptions, QueueServer, TaskJob } from '../server/queue-server.js';
import { failureReason } from '../server/failure-reason.js';
import { type BullMqWorker, isLockLost, LockLostError } from './bullmq-worker.js';
import { cancellation } from '../server/job-end.js';
import { CancelledJobs } from './cancelled-jobs.js';
import { endedTasks } from './ended-tasks.js';
import { EventLoopWatch } from './event-loop-watch.js';
import { readEnvelope, VERSION } from './job-envelope.js';
import { isRetriable, jobFailure } from './job-failure.js';
import { ProgressWriter } from './progress-writer.js';
import { putAsideUntil } from './put-aside.js';
import { ownBackoff } from './retry-backoff.js';

/** Takes jobs from the queue and has them run. */
export class TaskWorker {
  readonly #worker: BullMqWorker;
  readonly #running = new Map<TaskJob, TaskEnvelope>();
  /** The tasks whose lost lock has not been reported. */
  readonly #unreported = new WeakMap<TaskJob, TaskEnvelope>();
  readonly #cancelled: CancelledJobs;
  readonly #eventLoop: EventLoopWatch;
  #isPaused = false;

  constructor(
    private readonly server: QueueServer,
    private readonly runner: NamedTaskRunner,
    private readonly options: ResolvedWorkerOptions,
    private readonly queue: WorkedQueue,
  ) {
    const { log, workerFaults } = server;
    this.#worker = server.createWorker(queue.name, (job, token) => this.#process(job, token!), this.#settings());
    this.#worker.claimPutAside = (token) => {
      const moments = [...queue.tasks].map((name) => putAsideUntil(name, VERSION));
      return server.claim(queue.name, moments, token, options.lockDurationMs);
    };
    this.#worker.fetched = () => workerFaults.delete(queue.name);
    // Without a listener an error would end the process.
    this.#worker.on('error', (error) => {
      if (isInstance(error, LockLostError)) return void this.#resultRefused(error.job);
      if (!isLockLost(error)) workerFaults.set(queue.name, failureReason(error));
      this.#logError(error);
    });
    this.#worker.on('lockRenewalFailed', (ids) => {
      for (const job of this.#running.keys()) if (ids.includes(job.id!)) this.#lockLost(job);
    });
    this.#cancelled = new CancelledJobs(
      (ids) => server.cancelled(queue.name, ids),
      (id) => runner.cancel(id),
    );
    this.#eventLoop = new EventLoopWatch(options.lockDurationMs, (forMs) => {
      if (this.#running.size > 0) log.eventLoopBlocked(forMs, options.lockDurationMs, [...this.#running.values()]);
    });
  }

  /** Takes no more jobs; those that run go on. */
  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    void this.#worker.pause(true).catch(this.#logError);
  }

  /**
   * Closes the worker, by force if a job still runs or the server is gone. BullMQ's close() would wait for both for
   * ever, and cannot be forced later.
   */
  async close(): Promise<void> {
    this.#eventLoop.stop();
    this.#cancelled.stop();
    const ids = [...this.#running.keys()].map((job) => job.id!);
    if (ids.length > 0) this.server.log.cutOff(ids);
    const isForced = ids.length > 0 || this.server.unavailableBecause !== undefined;
    await endsWithin(this.#worker.close(isForced).catch(this.#logError), this.options.closeTimeoutMs);
  }

  /** Logs an error of the worker. A lost lock is reported with its task. */
  readonly #logError = (error: unknown): void => {
    if (!isLockLost(error)) this.server.log.workerError(error);
  };

  #settings(): JobWorkerOptions {
    const { lockDurationMs, stalledIntervalMs, maxStalledCount, limiter } = this.options;
    const { removeOnComplete, removeOnFail } = this.server.options;
    return {
      concurrency: this.queue.concurrency,
      lockDuration: lockDurationMs,
      stalledInterval: stalledIntervalMs,
      maxStalledCount,
      // Options of the worker need not be stored with each job.
      removeOnComplete: keepJobs(removeOnComplete),
      removeOnFail: keepJobs(removeOnFail),
      // With BullMQ's default the worker goes on only 15 s after an outage.
      runRetryDelay: 500,
      settings: {
        backoffStrategy: (attemptsMade, type, _error, job) => ownBackoff(attemptsMade, type, job?.opts.backoff),
      },
      ...(limiter && { limiter: { max: limiter.max, duration: limiter.durationMs } }),
    };
  }

  async #process(job: TaskJob, token: string): Promise<unknown> {
    // The drain began while the job was fetched.
    if (this.#isPaused) return this.#leaveToOthers(job, token);
    const content = readEnvelope(job.data);
    if (content.kind === 'malformed') {
      this.server.log.malformedJob(job.id, content.problem);
      throw new UnrecoverableError(`This job is no task: ${content.problem}.`);
    }
    if (content.kind === 'cancelled') throw cancellation();
    if (content.kind === 'newer') return this.#putAside(job, token, content, 'it is of a later version');
    const { name, v: version } = content.envelope;
    if (!this.runner.names.has(name)) {
      return this.#putAside(job, token, { name, version }, 'this one has no handler for it');
    }
    if (isPoison(job, this.options.maxStalledCount)) {
      throw new UnrecoverableError('The task lost its worker more often than worker.maxStalledCount allows.');
    }
    // All jobs of a schedule have the same data, and so the same id in it.
    const task = job.repeatJobKey === undefined ? content.envelope : { ...content.envelope, id: job.id! };
    this.#running.set(job, task);
    this.#unreported.set(job, task);
    this.#cancelled.begin(job.id!, task.id);
    // Neither a value that is no JSON nor a lost connection fails the task.
    const progress = new ProgressWriter((value) => job.updateProgress(value as object).catch(this.#logError));
    try {
      return await this.#run(job, token, task, progress);
    } finally {
      this.#eventLoop.check();
      // From here on closing waits for what is stored.
      this.#running.delete(job);
      this.#cancelled.end(job.id!);
      if (progress.stored) await endsWithin(progress.stored, STORE_PROGRESS_MS);
    }
  }

  async #run(job: TaskJob, token: string, task: TaskEnvelope, progress: ProgressWriter): Promise<unknown> {
    const { group } = task.context;
    const { report, result, interruptedByShutdown } = await this.runner.run(task, {
      group: group && (await endedTasks(job, group, this.server.queues)),
      number: job.attemptsMade + 1,
      progressed: (value) => progress.put(value),
      willRetry: (error) => job.attemptsMade + 1 < (job.opts.attempts ?? 1) && isRetriable(error),
    });
    if (report.state === 'succeeded') return result;
    if (report.state === 'cancelled') throw cancellation();
    if (interruptedByShutdown) {
      this.server.log.leftToOthers(task);
      return this.#leaveToOthers(job, token);
    }
    throw jobFailure('error' in report ? report.error : new UnrecoverableError(`The task was ${report.state}.`));
  }

  /**
   * Reports the lock as lost unless the result was stored. If the connection broke before the answer, the result was
   * sent again, and only the second was refused.
   */
  async #resultRefused(job: TaskJob): Promise<void> {
    const { attemptsMade, attemptsStarted } = job;
    const found = await this.server.queues
      .get(this.queue.name)
      .getJob(job.id!)
      .catch(() => undefined);
    const isRecorded = !found || (found.attemptsStarted === attemptsStarted && found.attemptsMade > attemptsMade);
    if (!isRecorded) this.#lockLost(job);
  }

  /** Reports it once: first the renewal of the lock is refused, then the result. */
  #lockLost(job: TaskJob): void {
    const task = this.#unreported.get(job);
    this.#unreported.delete(job);
    if (task) this.server.log.lockLost(task);
  }

  /** Puts the job back, in front of the others. This counts neither as a failure nor as an attempt. */
  async #leaveToOthers(job: TaskJob, token: string): Promise<never> {
    await endsWithin(job.moveToWait(token).catch(this.#logError), GIVE_BACK_MS);
    throw new WaitingError();
  }

  /**
   * Leaves the job where workers look that know it, and no other does. In the queue it would come back to this one.
   * This counts neither as a failure nor as an attempt.
   */
  async #putAside(job: TaskJob, token: string, { name, version }: TaskKind, reason: string): Promise<never> {
    this.server.log.unknownTask(name, reason);
    await endsWithin(job.moveToDelayed(putAsideUntil(name, version), token).catch(this.#logError), GIVE_BACK_MS);
    throw new DelayedError();
  }
}

/**
 * Whether a task of a schedule has lost its worker too often. BullMQ fails other jobs by itself, and lets these kill
 * workers for ever. It counts on when such a task is enqueued again by hand, so its attempts have to be as many.
 */
function isPoison({ repeatJobKey, stalledCounter, attemptsStarted }: TaskJob, maxStalledCount: number): boolean {
  return repeatJobKey !== undefined && stalledCounter > maxStalledCount && attemptsStarted > maxStalledCount + 1;
}

/** The queue that a worker takes jobs from. */
export interface WorkedQueue {
  readonly name: string;
  /** The names of the tasks that the worker knows there. Those of modules that are loaded later are added. */
  readonly tasks: Iterable<string>;
  /** The jobs that the worker runs at a time. */
  readonly concurrency: number;
}

interface TaskKind {
  readonly name: string;
  readonly version: number;
}

/** Turns an option of a job into the form that a worker takes. */
function keepJobs(retention: BullMqRetention): KeepJobs {
  if (typeof retention === 'object') return retention;
  if (typeof retention === 'number') return { count: retention };
  return { count: retention ? 0 : -1 };
}

/** Milliseconds to give a task back. If that fails, its lock runs out. */
const GIVE_BACK_MS = 1_000;

/** Milliseconds to store the progress of a task that has ended, before its result. */
const STORE_PROGRESS_MS = 1_000;
