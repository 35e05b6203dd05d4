import type { EndedTask } from '../../contracts/ended-task.js';
import type { GroupMember, JsonValue } from '../../contracts/task-envelope.js';
import { CANCELLED, readFailure } from '../server/job-end.js';
import { jobIdOf } from '../server/new-job.js';
import type { TaskJob } from '../server/queue-server.js';
import type { TaskQueues } from '../server/task-queues.js';

/** Reads how the tasks of a group have ended that a job waited for. */
export async function endedTasks(
  job: TaskJob,
  group: readonly GroupMember[],
  queues: Pick<TaskQueues, 'get'>,
): Promise<EndedTask[]> {
  const results = byJob(await job.getChildrenValues<JsonValue>());
  const failures = byJob(await job.getIgnoredChildrenFailures());
  const ended: EndedTask[] = [];
  // One after another, because a thousand at a time would take all connections to PostgreSQL.
  for (const { id, name } of group) ended.push({ id, name, ...(await endOf(jobIdOf(id))) });
  return ended;

  async function endOf(jobId: string): Promise<Omit<EndedTask, 'id' | 'name'>> {
    const result = results.get(jobId);
    if (result) return { state: 'succeeded', ...(result.value !== null && { result: result.value }) };
    const failure = failures.get(jobId);
    if (!failure) return { state: 'discarded' };
    if (failure.value === CANCELLED) return { state: 'cancelled' };
    // Only the job knows the name and the code of its error, if it is kept and the server is there.
    const failed = await queues
      .get(failure.queue)
      .getJob(jobId)
      .catch(() => undefined);
    return { state: 'failed', error: readFailure(failure.value, failed?.stacktrace?.at(-1)) };
  }
}

/** Reads keys of jobs, which end with the name of the queue and the id. */
function byJob<T>(values: Readonly<Record<string, T>>): Map<string, { readonly queue: string; readonly value: T }> {
  return new Map(
    Object.entries(values).map(([key, value]) => {
      const [queue, id] = key.split(':').slice(-2) as [string, string];
      return [id, { queue, value }];
    }),
  );
}
