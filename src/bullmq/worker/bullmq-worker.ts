import { ErrorCode, type IQueueBackend, type Job, type JobJson, type JobProgress, Worker } from 'bullmq';

/** BullMQ's worker, which differs for two kinds of jobs: those that are no JSON, and those that lost their lock. */
export class BullMqWorker<B extends IQueueBackend, C> extends Worker<unknown, unknown, string, B, JobProgress, C> {
  /** Replaces data that are no JSON: they would come back for ever, each time as an error of the worker. */
  protected override createJob(json: JobJson, jobId: string): Job<unknown, unknown> {
    try {
      return super.createJob(json, jobId);
    } catch {
      return super.createJob({ ...json, data: 'null', returnvalue: 'null', stacktrace: '[]' }, jobId);
    }
  }

  /** Names the job in the error: BullMQ calls this last for a job, also if its success was refused, and names none. */
  protected override async handleFailed(
    ...args: Parameters<Worker<unknown, unknown, string, B, JobProgress, C>['handleFailed']>
  ) {
    try {
      return await super.handleFailed(...args);
    } catch (error) {
      if (saysLockLost(error)) this.emit('error', new LockLostError(args[1]));
      throw error;
    }
  }
}

/** A job has ended here, and its lock was no longer this worker's. */
export class LockLostError extends Error {
  constructor(readonly job: Job<unknown, unknown>) {
    super('A job lost its lock.');
  }
}

/** The answers for a job that another worker has, or had: Redis misses the lock, PostgreSQL the state. */
const CODES = new Set<unknown>([
  ErrorCode.JobNotExist,
  ErrorCode.JobLockNotExist,
  ErrorCode.JobNotInState,
  ErrorCode.JobLockMismatch,
]);

export function saysLockLost(error: unknown): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return CODES.has(code) || String(message).startsWith('could not renew lock for job');
}
