import type { JobsOptions } from 'bullmq';
import type { ResolvedRetry } from '../../contracts/retry-options.js';
import type { EnqueuedTask } from '../../contracts/task-backend.js';
import type { TaskEnvelope } from '../../contracts/task-envelope.js';
import { keyHash, keyHashIn } from '../../named/task-id.js';
import type { BullMqRetention, BullMqTaskSettings } from '../options/bullmq-task-settings.js';
import type { ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import { retryToBullMq } from '../worker/retry-backoff.js';
import { queueOfBatches } from './task-queues.js';

/** A named task as it is handed to BullMQ. */
export interface NewJob {
  /** The name of its queue. */
  readonly queue: string;
  readonly name: string;
  readonly data: TaskEnvelope;
  readonly opts: JobsOptions & { readonly jobId: string };
  /** The job that waits for this one and others of its group. */
  readonly parent?: { readonly queue: string; readonly id: string };
  /** Whether it waits for others. */
  readonly isParent?: boolean;
  /** A line of the job's log that names its task, for a task with a key: the job may be that of an earlier one. */
  readonly alias?: string;
  /** Its idempotency key, if it has one that comes free by itself. */
  readonly key?: HeldKey | undefined;
}

/** A key of the job that ended before one of these moments: it is free then. */
export interface HeldKey {
  readonly jobId: string;
  readonly succeededBefore: number | undefined;
  readonly failedBefore: number | undefined;
}

/** Makes the jobs of tasks that are handed over together. */
export function newJobs(batch: readonly EnqueuedTask[], options: ResolvedBullMqOptions): NewJob[] {
  const ids = new Set(batch.map(({ envelope }) => envelope.id));
  // One that a task waits for, or one that waits, may have been cancelled before.
  const waitedFor = new Set(batch.flatMap(({ before }) => (before !== undefined && ids.has(before) ? [before] : [])));
  return batch.map((task) => {
    const job = newJob(task, options);
    const { before, envelope } = task;
    if (before === undefined && !waitedFor.has(envelope.id)) return job;
    // A group without one of its tasks would be another one. BullMQ refuses it in most groups, too.
    const { deduplication: _, ...opts } = job.opts;
    if (before === undefined) return { ...job, opts, isParent: true };
    if (!waitedFor.has(before)) return { ...job, opts };
    const parent = { queue: options.queueName, id: jobIdOf(before) };
    return { ...job, parent, opts: { ...opts, ignoreDependencyOnFailure: true } };
  });
}

/** Makes the job of a task. */
export function newJob(task: EnqueuedTask, options: ResolvedBullMqOptions): NewJob {
  const { envelope } = task;
  const { queueName } = options;
  const { idempotencyKey } = task;
  const jobId = idempotencyKey === undefined ? jobIdOf(envelope.id) : jobIdOfKey(envelope.name, idempotencyKey);
  return {
    queue: task.batch ? queueOfBatches(queueName, envelope.name) : queueName,
    name: envelope.name,
    data: envelope,
    opts: { ...jobOptions(task.retry, task.settings.bullmq, options), jobId },
    ...(idempotencyKey !== undefined && {
      key: heldKey(jobId, { ...options, ...task.settings.bullmq }),
      alias: aliasRow(envelope.id),
    }),
  };
}

/** Merges the options of the module, the definition and the call; the later ones win. */
export function jobOptions(
  retry: ResolvedRetry | undefined,
  settings: BullMqTaskSettings | undefined,
  { attempts, backoff }: ResolvedBullMqOptions,
) {
  return { attempts, backoff, ...(retry && retryToBullMq(retry)), ...settings };
}

/**
 * Splits jobs into those of one queue, and into what goes in one round trip. A group goes as a whole, the job that waits
 * first.
 */
export function roundTrips(jobs: readonly NewJob[], most: number): (readonly NewJob[])[] {
  const parts: (readonly NewJob[])[] = [];
  const single = jobs.filter(({ parent, isParent }) => !parent && !isParent);
  for (const queue of new Set(single.map((job) => job.queue))) {
    const own = single.filter((job) => job.queue === queue);
    for (let first = 0; first < own.length; first += most) parts.push(own.slice(first, first + most));
  }
  for (const last of jobs) {
    if (last.isParent) parts.push([last, ...jobs.filter(({ parent }) => parent?.id === last.opts.jobId)]);
  }
  return parts;
}

/**
 * Tells when an ended job no longer holds its key. BullMQ removes aged jobs too, but only when another job ends: in a
 * quiet queue the key would be taken for good.
 */
function heldKey(jobId: string, { removeOnComplete, removeOnFail }: BullMqTaskSettings): HeldKey | undefined {
  const [succeededBefore, failedBefore] = [momentOf(removeOnComplete), momentOf(removeOnFail)];
  if (succeededBefore === undefined && failedBefore === undefined) return undefined;
  return { jobId, succeededBefore, failedBefore };
}

/** The moment before which a job must have ended to be too old; `undefined` where age does not matter. */
function momentOf(retention: BullMqRetention | undefined): number | undefined {
  const age = typeof retention === 'object' && 'age' in retention ? retention.age : undefined;
  return age === undefined ? undefined : Date.now() - age * 1_000;
}

/**
 * Returns the id of the job of a task. The id of one with a key ends with what its job is called. The tasks of a schedule
 * have the ids that BullMQ gave them.
 */
export function jobIdOf(taskId: string): string {
  if (taskId.startsWith('repeat:')) return taskId;
  const hash = keyHashIn(taskId);
  return hash === undefined ? `t${taskId}` : `k${hash}`;
}

/** BullMQ refuses colons and numbers, so that a job cannot be called as its key. */
function jobIdOfKey(name: string, key: string): string {
  return `k${keyHash(name, key)}`;
}

/** The line of a job's log that tells that it is that of a task, too. */
export function aliasRow(taskId: string): string {
  return `Enqueued as ${taskId}.`;
}
