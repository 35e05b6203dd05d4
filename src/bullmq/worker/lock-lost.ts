import { ErrorCode } from 'bullmq';
import type { TaskJob } from '../server/job-server.js';

/** A job has ended here, and was no longer this worker's. */
export class LockLostError extends Error {
  constructor(readonly job: TaskJob) {
    super('A job lost its lock.');
  }
}

/** What the servers say of a job that another worker has, or had: Redis misses the lock, PostgreSQL the state. */
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
