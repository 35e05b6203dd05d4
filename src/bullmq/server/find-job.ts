import type { JobState } from 'bullmq';
import type { NamedTaskError, NamedTaskReport, NamedTaskState } from '../../contracts/named-task-report.js';
import type { JsonValue } from '../../contracts/task-envelope.js';
import { isTaskId } from '../../named/task-id.js';
import { CANCELLED, hasMark, readFailure } from './job-end.js';
import { aliasRow, jobIdOf } from './new-job.js';
import type { TaskJob, TaskQueue } from './queue-server.js';

/** The job of a task. */
export interface FoundJob {
  readonly queue: TaskQueue;
  readonly job: TaskJob;
  readonly state: JobState;
}

/** Finds the job of a task, which any process may have added to one of the queues. */
export async function findJob(queues: readonly TaskQueue[], id: string): Promise<FoundJob | undefined> {
  if (!isTaskId(id)) return undefined;
  for (const queue of queues) {
    const found = await findIn(queue, jobIdOf(id));
    if (found && (await isOf(found, id))) return found;
  }
  return undefined;
}

/** Reports the task of a job. */
export function reportOf({ queue, job, state: jobState }: FoundJob, id: string): NamedTaskReport {
  const { attemptsMade, attemptsStarted, finishedOn, processedOn } = job;
  const result = job.returnvalue as JsonValue | undefined;
  const state = isCancelled(job, jobState) ? 'cancelled' : STATES[jobState];
  // The end of a task that was cancelled before it began is counted as an attempt.
  const attempts = state === 'cancelled' ? Math.min(attemptsMade, attemptsStarted) : attemptsMade;
  return {
    id,
    name: job.name,
    state,
    attempts: attempts + (state === 'running' ? 1 : 0),
    progress: job.progress as JsonValue,
    ...(state === 'succeeded' && result !== null && result !== undefined && { result }),
    ...(state === 'failed' && { error: errorOf(job) }),
    enqueuedAt: job.timestamp,
    ...(processedOn !== undefined && { startedAt: processedOn }),
    ...(finishedOn !== undefined && { endedAt: finishedOn }),
    job: { queue: queue.name, id: job.id! },
  };
}

/** Counts the tasks that the task of a job waits for, if it is the last of a group. */
export async function groupOf(job: TaskJob): Promise<Pick<NamedTaskReport, 'group'>> {
  const { context } = (job.data ?? {}) as { readonly context?: { readonly group?: unknown } };
  if (!Array.isArray(context?.group)) return {};
  const { unprocessed = 0, processed = 0 } = await job.getDependenciesCount({ unprocessed: true, processed: true });
  const ended = context.group.length - unprocessed;
  return { group: { total: context.group.length, ended, failed: ended - processed } };
}

/** Reads the state and the job, which are two commands, until both are of one moment. */
async function findIn(queue: TaskQueue, jobId: string): Promise<FoundJob | undefined> {
  for (let readings = 1; ; readings++) {
    const state = await queue.getJobState(jobId);
    if (state === 'unknown') return undefined;
    const job = await queue.getJob(jobId);
    if (!job) return undefined;
    const hasEnded = state === 'completed' || state === 'failed';
    if (hasEnded === (job.finishedOn !== undefined) || readings === MAX_READINGS) return { queue, job, state };
  }
}

/** A key leads to its job, and only one who knows the id of the task may find it. */
async function isOf({ queue, job }: FoundJob, id: string): Promise<boolean> {
  const { data } = job as { readonly data?: { readonly id?: unknown } };
  if (job.id === id || data?.id === id) return true;
  const { logs } = await queue.getJobLogs(job.id!);
  return logs.includes(aliasRow(id));
}

/** Whether a task has ended as cancelled, or will when a worker takes it. */
function isCancelled(job: TaskJob, state: JobState): boolean {
  if (state === 'failed') return job.failedReason === CANCELLED;
  return state !== 'completed' && state !== 'active' && hasMark(job.data);
}

function errorOf({ failedReason, stacktrace }: TaskJob): NamedTaskError {
  return readFailure(failedReason ?? '', stacktrace?.at(-1));
}

/** The states of BullMQ in the words of tasks. */
const STATES: Readonly<Record<JobState, NamedTaskState>> = {
  waiting: 'waiting',
  prioritized: 'waiting',
  'waiting-children': 'waiting',
  delayed: 'delayed',
  active: 'running',
  completed: 'succeeded',
  failed: 'failed',
};

/** A job may change between two commands, and change again. */
const MAX_READINGS = 5;
