import type { JobState } from 'bullmq';
import type { CarriedTask } from '../../contracts/task-backend.js';
import type { TaskQueue } from './queue-server.js';

/** Finds a job, which any process may have added to one of the queues. */
export async function findJob(queues: readonly TaskQueue[], id: string): Promise<CarriedTask | undefined> {
  for (const queue of queues) {
    const found = await findIn(queue, id);
    if (found) return found;
  }
  return undefined;
}

/** Reads the job and its state in two steps: it may be removed between them. */
async function findIn(queue: TaskQueue, id: string): Promise<CarriedTask | undefined> {
  const job = await queue.getJob(id);
  const state = job && STATES[await queue.getJobState(id)];
  if (!state) return undefined;
  const attempts = job.attemptsMade + (state === 'running' ? 1 : 0);
  return { state, attempts, job: { queue: queue.name, id } };
}

/** The states of BullMQ in the words of tasks. */
const STATES: Readonly<Record<JobState | 'unknown', CarriedTask['state'] | undefined>> = {
  waiting: 'waiting',
  prioritized: 'waiting',
  'waiting-children': 'waiting',
  delayed: 'delayed',
  active: 'running',
  completed: 'succeeded',
  failed: 'failed',
  unknown: undefined,
};
