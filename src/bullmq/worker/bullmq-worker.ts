import { ErrorCode, type Job, type JobJson, Worker } from 'bullmq';
import { setTimeout as wait } from 'node:timers/promises';
import { safely } from '../../errors/safely.js';

/**
 * BullMQ's worker, with a treatment of its own for jobs that are no JSON, jobs that lost their lock, jobs that another
 * worker put aside because it did not know them, and a server that refuses.
 */
export class BullMqWorker extends Worker<unknown, unknown> {
  /** Claims one job that another worker put aside and that this one knows. Resolves with its id, if there was one. */
  claimPutAside: (token: string) => Promise<string | undefined> = () => Promise.resolve(undefined);
  /** Called when the server has answered a request for a job. */
  fetched: () => void = () => undefined;
  #looksAgainAt = 0;
  /** The errors after which the worker may try again at once. */
  readonly #withoutPause = new WeakSet<object>();

  /** Replaces data that are no JSON. Such a job would otherwise come back for ever. */
  protected override createJob(json: JobJson, jobId: string): Job<unknown, unknown> {
    try {
      return super.createJob(json, jobId);
    } catch {
      return super.createJob({ ...json, data: 'null', returnvalue: 'null', stacktrace: '[]' }, jobId);
    }
  }

  /** Takes what was put aside first: it was in front of the queue already. */
  protected override async moveToActive(...args: Parameters<Worker<unknown, unknown>['moveToActive']>) {
    const [token] = args;
    const id = this.#isLookDue ? await this.#look(token) : undefined;
    if (id !== undefined) return this.nextJobFromJobData(await this.backend.getJobData(id), id, token);
    try {
      return await super.moveToActive(...args);
    } catch (error) {
      await this.#pause(error);
      throw error;
    }
  }

  /** BullMQ calls this whenever the server has answered, with or without a job. */
  protected override async nextJobFromJobData(...args: Parameters<Worker<unknown, unknown>['nextJobFromJobData']>) {
    this.fetched();
    try {
      return await super.nextJobFromJobData(...args);
    } catch (error) {
      // The job cannot be read. The next one may be.
      this.#withoutPause.add(error as object);
      throw error;
    }
  }

  /** Wakes an idle worker for its next look. */
  protected override getBlockTimeout(blockUntil: number): number {
    const untilLook = (this.#looksAgainAt - performance.now()) / 1_000;
    return Math.min(super.getBlockTimeout(blockUntil), Math.max(untilLook, this.minimumBlockTimeout));
  }

  protected override handleCompleted(...args: Parameters<Worker<unknown, unknown>['handleCompleted']>) {
    const [result, job, token, fetchNext, span] = args;
    const end = (fetches: () => boolean) => super.handleCompleted(result, job, token, fetches, span);
    return this.#endAndFetch(end, token, fetchNext);
  }

  /** Adds the job to the error. BullMQ calls this last for a job, also if its success was refused. */
  protected override async handleFailed(...args: Parameters<Worker<unknown, unknown>['handleFailed']>) {
    const [failure, job, token, fetchNext, span] = args;
    const end = (fetches: () => boolean) => super.handleFailed(failure, job, token, fetches, span);
    try {
      return await this.#endAndFetch(end, token, fetchNext);
    } catch (error) {
      if (isLockLost(error)) this.emit('error', new LockLostError(job));
      else await this.#pause(error);
      throw error;
    }
  }

  /** Fetches by {@link moveToActive} when a look is due. BullMQ fetches the next job with the end of the one before. */
  async #endAndFetch(
    end: (fetches: () => boolean) => Promise<FetchedJob>,
    token: string,
    fetchNext = () => true,
  ): Promise<FetchedJob> {
    if (!this.#isLookDue) return end(fetchNext);
    const none = await end(() => false);
    if (!fetchNext() || this.paused || this.closing) return none;
    return this.moveToActive(token).catch((error: unknown) => {
      // BullMQ would take it for a failure of the end.
      this.emit('error', error as Error);
      return none;
    });
  }

  async #look(token: string): Promise<string | undefined> {
    this.#looksAgainAt = performance.now() + LOOK_AGAIN_MS;
    try {
      const id = await this.claimPutAside(token);
      // There may be more.
      if (id !== undefined) this.#looksAgainAt = 0;
      return id;
    } catch (error) {
      this.emit('error', error as Error);
      return undefined;
    }
  }

  /**
   * Waits until the worker may try again. BullMQ tries again at once when the server refuses a command, and would do
   * nothing else for as long as it does.
   */
  async #pause(error: unknown): Promise<void> {
    if (this.#withoutPause.has(error as object)) return;
    this.#withoutPause.add(error as object);
    const closing = new AbortController();
    const stop = () => closing.abort();
    this.once('closing', stop);
    await wait(PAUSE_MS, undefined, { signal: closing.signal }).catch(() => undefined);
    this.off('closing', stop);
  }

  get #isLookDue(): boolean {
    return performance.now() >= this.#looksAgainAt;
  }
}

type FetchedJob = Awaited<ReturnType<Worker<unknown, unknown>['moveToActive']>>;

/** Milliseconds after a look that found nothing. A task that no other worker knows waits for so long. */
const LOOK_AGAIN_MS = 3_000;

/** Milliseconds before a worker asks again that the server refused. */
const PAUSE_MS = 500;

/** A job ended here after its lock was lost. */
export class LockLostError extends Error {
  constructor(readonly job: Job<unknown, unknown>) {
    super('A job lost its lock.');
  }
}

/** The answers of Redis and PostgreSQL for a job that another worker has, or had. */
const CODES = new Set<unknown>([
  ErrorCode.JobNotExist,
  ErrorCode.JobLockNotExist,
  ErrorCode.JobNotInState,
  ErrorCode.JobLockMismatch,
]);

export function isLockLost(error: unknown): boolean {
  return safely(() => {
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    return CODES.has(code) || String(message).startsWith('could not renew lock for job');
  }, false);
}
