import { ErrorCode, type Job, type JobJson, Worker } from 'bullmq';

/** BullMQ's worker, with a treatment of its own for jobs that are no JSON and jobs that lost their lock. */
export class BullMqWorker extends Worker<unknown, unknown> {
  /** Replaces data that are no JSON. Such a job would otherwise come back for ever. */
  protected override createJob(json: JobJson, jobId: string): Job<unknown, unknown> {
    try {
      return super.createJob(json, jobId);
    } catch {
      return super.createJob({ ...json, data: 'null', returnvalue: 'null', stacktrace: '[]' }, jobId);
    }
  }

  /** Adds the job to the error. BullMQ calls this last for a job, also if its success was refused. */
  protected override async handleFailed(...args: Parameters<Worker<unknown, unknown>['handleFailed']>) {
    try {
      return await super.handleFailed(...args);
    } catch (error) {
      if (isLockLost(error)) this.emit('error', new LockLostError(args[1]));
      throw error;
    }
  }
}

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
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return CODES.has(code) || String(message).startsWith('could not renew lock for job');
}
