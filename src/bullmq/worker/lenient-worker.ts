import { type IQueueBackend, type Job, type JobJson, type JobProgress, Worker } from 'bullmq';
import { LockLostError, saysLockLost } from './lock-lost.js';

/** BullMQ's worker, but for what it makes of two kinds of jobs. */
export class LenientWorker<B extends IQueueBackend, C> extends Worker<unknown, unknown, string, B, JobProgress, C> {
  /** Data that are no JSON would come back for ever, each time as an error of the worker. */
  protected override createJob(json: JobJson, jobId: string): Job<unknown, unknown> {
    try {
      return super.createJob(json, jobId);
    } catch {
      return super.createJob({ ...json, data: 'null', returnvalue: 'null', stacktrace: '[]' }, jobId);
    }
  }

  /** The last word on a job, a success that was refused included: its own errors do not say which task they mean. */
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
