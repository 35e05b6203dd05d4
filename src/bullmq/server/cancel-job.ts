import { randomUUID } from 'node:crypto';
import type { CancelAnswer } from '../../contracts/named-task-report.js';
import type { FoundJob } from './find-job.js';
import { CANCELLED, cancellation, marked } from './job-end.js';
import type { QueueServer } from './queue-server.js';

/**
 * Cancels the task of a job. First it is marked: a worker ends a marked task in place of its next attempt, and looks now
 * and then at those that run. Then it is taken out of the queue if it waits there.
 */
export async function cancelJob(server: QueueServer, { queue, job, state }: FoundJob): Promise<CancelAnswer> {
  if (state === 'completed' || state === 'failed') return 'too-late';
  await job.updateData(marked(job.data));
  // BullMQ makes the next task of a schedule when a worker takes this one, which must then stay where it is.
  if (job.repeatJobKey === undefined) {
    const token = randomUUID();
    if (await server.take(queue.name, job.id!, token, LOCK_MS)) {
      await job.moveToFailed(cancellation(), token);
      return 'removed';
    }
  }
  const now = await queue.getJobState(job.id!);
  if (now === 'active') return 'requested';
  if (now === 'unknown') return 'unknown';
  if (now === 'completed') return 'too-late';
  if (now !== 'failed') return 'removed';
  // A worker may have found the mark meanwhile.
  const ended = await queue.getJob(job.id!);
  if (ended?.failedReason !== CANCELLED) return 'too-late';
  return state === 'active' ? 'requested' : 'removed';
}

/** Milliseconds for the end of a task that was taken. If this process dies meanwhile, a worker ends it. */
const LOCK_MS = 30_000;
