import { InvalidOptionError } from '../errors/errors.js';
import { isTaskName } from '../named/define-task.js';
import { type Check, checkAll, nonEmptyString, oneOf, wholeNumber } from '../options/checks.js';
import {
  type BullMqFailedFilter,
  type BullMqIdleFilter,
  type BullMqListedTask,
  type BullMqPage,
  type BullMqTaskFilter,
  type BullMqTaskState,
  IDLE,
  JOB_STATES,
  rowOf,
  STATE_OF,
  STATES,
} from './listed-task.js';
import { askServer } from './server/ask-server.js';
import { findJob } from './server/find-job.js';
import { hasMark } from './server/job-end.js';
import { JobsInState, PART } from './server/jobs-in-state.js';
import type { QueueServer, TaskJob, TaskQueue } from './server/queue-server.js';
import { queueOfBatches } from './server/task-queues.js';

/** Lists the tasks that the server has, enqueues failed ones again, and removes those that do not run. */
export class BullMqTasks {
  /** Made by `BullMqBackgroundTasksModule`. `findQueues` finds the names of the queues that are looked into. */
  constructor(
    private readonly server: QueueServer,
    private readonly findQueues: () => Promise<readonly string[]>,
  ) {}

  /**
   * Lists tasks, without their payloads: those that run first, then `waiting`, `delayed`, `failed` and `succeeded`. In a
   * state the newest comes first; of delayed tasks the one that is due last. Tasks move on while they are listed.
   *
   * @throws BACKEND_UNAVAILABLE, INVALID_OPTION
   */
  async list(options: BullMqTaskFilter & BullMqPage = {}): Promise<BullMqListedTask[]> {
    const { state, name, limit = 100, offset = 0 } = checkAll<BullMqTaskFilter & BullMqPage>('', options, listRules);
    const rows: BullMqListedTask[] = [];
    let skip = offset;
    for (const jobs of await this.#jobs(state ? [state] : STATES, name)) {
      // Without a name, what is skipped need not be read.
      const count = name === undefined ? await jobs.count() : Infinity;
      if (count <= skip) {
        skip -= count;
        continue;
      }
      for await (const job of name === undefined ? slice(jobs, skip, limit - rows.length) : named(jobs, name)) {
        if (name !== undefined && skip > 0) skip--;
        else rows.push(rowOf(jobs.queue, jobs.state, job));
        if (rows.length >= limit) return rows;
      }
      if (name === undefined) skip = 0;
    }
    return rows;
  }

  /** Counts the tasks in each state, in all queues together. @throws BACKEND_UNAVAILABLE */
  async counts(): Promise<Record<BullMqTaskState, number>> {
    const counts = { running: 0, waiting: 0, delayed: 0, failed: 0, succeeded: 0 };
    for (const jobs of await this.#jobs(STATES)) counts[STATE_OF[jobs.state]] += await jobs.count();
    return counts;
  }

  /**
   * Enqueues a failed task again, or all that match: their attempts start anew. Resolves with how many. A cancelled
   * one is left alone. Others that fail meanwhile may be left out: call it again.
   *
   * @throws BACKEND_UNAVAILABLE, INVALID_OPTION
   */
  async retry(which: string | BullMqFailedFilter): Promise<number> {
    if (typeof which === 'string') return this.#one(which, ['failed'], retry);
    const { name } = checkAll<BullMqFailedFilter>('', which, { state: oneOf('failed'), name: nameRule });
    return this.#drain('failed', name, retry);
  }

  /**
   * Removes a task that does not run, or all of a state. Their idempotency keys are free then. Resolves with how many.
   * The next task of a schedule stays until the schedule is removed.
   *
   * @throws BACKEND_UNAVAILABLE, INVALID_OPTION
   */
  async discard(which: string | BullMqIdleFilter): Promise<number> {
    const discard = async (job: TaskJob) => {
      const { id, queueName, repeatJobKey, finishedOn } = job;
      if (repeatJobKey === undefined || !finishedOn)
        return (await this.server.queues.get(queueName).remove(id!, { removeChildren: false })) === 1;
      // BullMQ on PostgreSQL removes no task of a schedule.
      const ever = { succeededBefore: Number.MAX_SAFE_INTEGER, failedBefore: Number.MAX_SAFE_INTEGER };
      await this.server.freeKeys(queueName, [{ jobId: id!, ...ever }]);
      return true;
    };
    if (typeof which === 'string') return this.#one(which, IDLE, discard);
    const { state, name } = checkAll<BullMqIdleFilter>('', which, idleRules, ['state']);
    return this.#drain(state, name, discard);
  }

  async #drain(state: BullMqTaskState, name: string | undefined, act: (job: TaskJob) => Promise<boolean>) {
    let done = 0;
    for (const jobs of await this.#jobs([state], name)) {
      done += await jobs.drain(async (job) => (name === undefined || job.name === name) && acted(act, job));
    }
    return done;
  }

  async #one(id: string, states: readonly BullMqTaskState[], act: (job: TaskJob) => Promise<boolean>): Promise<number> {
    nonEmptyString('id', id);
    const queues = await this.#queues();
    return askServer(this.server, `Task ${id}`, 'reached', async () => {
      const found = await findJob(queues, id);
      return found && states.includes(STATE_OF[found.state]) && (await acted(act, found.job)) ? 1 : 0;
    });
  }

  /** Returns where the tasks in these states are, those of one name if it is given. */
  async #jobs(states: readonly BullMqTaskState[], name?: string): Promise<JobsInState[]> {
    const all = await this.#queues(name);
    return states.flatMap((state) =>
      all.flatMap((one) => JOB_STATES[state].map((jobState) => new JobsInState(this.server, one, jobState))),
    );
  }

  /** Returns the main queue, and those of batches. */
  async #queues(name?: string): Promise<TaskQueue[]> {
    const { queues, queue, options } = this.server;
    const ofName = name === undefined ? undefined : queueOfBatches(options.queueName, name);
    const names = (await this.findQueues()).filter((found) => ofName === undefined || found === ofName);
    return [queue, ...names.map((found) => queues.get(found))];
  }
}

const nameRule: Check<string> = (option, value) => {
  if (isTaskName(value)) return value;
  throw new InvalidOptionError(option, value, 'Give the name of a task.');
};

const idleRules = { state: oneOf(...IDLE), name: nameRule };
const listRules = { state: oneOf(...STATES), name: nameRule, limit: wholeNumber(1), offset: wholeNumber(0) };

async function retry(job: TaskJob): Promise<boolean> {
  // A worker would end it at once.
  if (hasMark(job.data)) return false;
  await job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
  return true;
}

async function* slice(jobs: JobsInState, first: number, count: number): AsyncGenerator<TaskJob> {
  for (let from = first, left = count; left > 0; from += PART, left -= PART) {
    const size = Math.min(PART, left);
    const part = await jobs.read(from, from + size - 1, 'newest first');
    yield* part;
    if (part.length === 0) return;
  }
}

async function* named(jobs: JobsInState, name: string): AsyncGenerator<TaskJob> {
  for await (const job of jobs.all()) if (job.name === name) yield job;
}

/** Whether it did something. A job that has moved on meanwhile, or belongs to a schedule, is left alone. */
async function acted(act: (job: TaskJob) => Promise<boolean>, job: TaskJob): Promise<boolean> {
  const { ErrorCode } = await import('bullmq');
  const left: readonly unknown[] = [
    ErrorCode.JobNotExist,
    ErrorCode.JobNotInState,
    ErrorCode.JobLockNotExist,
    ErrorCode.JobBelongsToJobScheduler,
  ];
  try {
    return await act(job);
  } catch (error) {
    if (left.includes((error as { readonly code?: unknown }).code)) return false;
    throw error;
  }
}
