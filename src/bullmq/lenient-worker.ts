import { type IQueueBackend, type Job, type JobJson, type JobProgress, Worker } from 'bullmq';

/** BullMQ's worker, but for jobs whose data are no JSON: those would come back for ever, each time as an error of the worker. */
export class LenientWorker<B extends IQueueBackend, C> extends Worker<unknown, unknown, string, B, JobProgress, C> {
  protected override createJob(json: JobJson, jobId: string): Job<unknown, unknown> {
    try {
      return super.createJob(json, jobId);
    } catch {
      return super.createJob({ ...json, data: 'null', returnvalue: 'null', stacktrace: '[]' }, jobId);
    }
  }
}
