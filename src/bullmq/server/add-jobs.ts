import type { NewJob } from './new-job.js';
import type { TaskQueue } from './queue-server.js';

/** Adds jobs to their queue. A single one goes without a pipeline, which takes ioredis longer than the job itself. */
export async function addJobs(queue: TaskQueue, jobs: readonly NewJob[]): Promise<void> {
  const [first] = jobs as readonly [NewJob, ...NewJob[]];
  if (jobs.length === 1) await queue.add(first.name, first.data, first.opts);
  else await queue.addBulk(jobs.map(({ name, data, opts }) => ({ name, data, opts })));
  // They are stored. If this fails, only a second task of a key is not found by its id.
  const aliased = jobs.flatMap(({ opts, alias }) => (alias === undefined ? [] : [{ jobId: opts.jobId, alias }]));
  await Promise.allSettled(aliased.map(({ jobId, alias }) => queue.addJobLog(jobId, alias, MAX_ALIASES)));
}

/** Tasks of one key that are found by their own ids: the latest. */
const MAX_ALIASES = 100;
