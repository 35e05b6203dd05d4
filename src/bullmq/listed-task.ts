import type { JobState } from 'bullmq';
import type { TaskJob } from './server/queue-server.js';

/** A state of a task on the server. */
export type BullMqTaskState = 'running' | 'waiting' | 'delayed' | 'failed' | 'succeeded';

/** The tasks that are meant: those of a state, of a name, or both. */
export interface BullMqTaskFilter {
  readonly state?: BullMqTaskState;
  /** The name of the task's definition. */
  readonly name?: string;
}

/** Failed tasks, all of them or those of a name. */
export interface BullMqFailedFilter extends BullMqTaskFilter {
  readonly state?: 'failed';
}

/** Tasks of a state in which they do not run, all of them or those of a name. */
export interface BullMqIdleFilter extends BullMqTaskFilter {
  readonly state: Exclude<BullMqTaskState, 'running'>;
}

/** The part of a list that is read. */
export interface BullMqPage {
  /** The most tasks to list. @default 100 */
  readonly limit?: number;
  /** The tasks to leave out at the beginning. @default 0 */
  readonly offset?: number;
}

/** A task in a list. */
export interface BullMqListedTask {
  readonly id: string;
  readonly name: string;
  readonly state: BullMqTaskState;
  /** Number of attempts that have begun. */
  readonly attempts: number;
  readonly enqueuedAt: Date;
  /** The moment of its end, for good. */
  readonly endedAt?: Date;
  /** The message of the error of its last attempt. */
  readonly error?: string;
}

export const STATES: readonly BullMqTaskState[] = ['running', 'waiting', 'delayed', 'failed', 'succeeded'];
export const IDLE = ['waiting', 'delayed', 'failed', 'succeeded'] as const;

/** The states of BullMQ. */
export const JOB_STATES: Readonly<Record<BullMqTaskState, readonly JobState[]>> = {
  running: ['active'],
  waiting: ['waiting', 'prioritized', 'waiting-children'],
  delayed: ['delayed'],
  failed: ['failed'],
  succeeded: ['completed'],
};

export const STATE_OF = Object.fromEntries(
  STATES.flatMap((state) => JOB_STATES[state].map((jobState) => [jobState, state])),
) as Record<JobState, BullMqTaskState>;

/** The id of a task: that of its envelope, or of its job if it is one of a schedule or no task of ours. */
export function taskIdOf({ id, data, repeatJobKey }: TaskJob): string {
  const own = (data as { readonly id?: unknown } | null)?.id;
  return repeatJobKey === undefined && typeof own === 'string' ? own : id!;
}

export function rowOf(job: TaskJob, jobState: JobState): BullMqListedTask {
  const state = STATE_OF[jobState];
  return {
    id: taskIdOf(job),
    name: job.name,
    state,
    attempts: job.attemptsMade + (state === 'running' ? 1 : 0),
    enqueuedAt: new Date(job.timestamp),
    ...(job.finishedOn && { endedAt: new Date(job.finishedOn) }),
    ...(job.failedReason && { error: job.failedReason }),
  };
}
