import type { JobState } from 'bullmq';
import type { NamedTaskReport } from '../contracts/named-task-report.js';
import { reportOf } from './server/find-job.js';
import type { TaskJob, TaskQueue } from './server/queue-server.js';

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

/**
 * A task in a list: its report, without what it was given, what it returned and how far it is. The state `cancelled` is
 * among the `failed` ones, as BullMQ keeps them.
 */
export type BullMqListedTask = Omit<NamedTaskReport, 'progress' | 'result'>;

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

export function rowOf(queue: TaskQueue, state: JobState, job: TaskJob): BullMqListedTask {
  const { progress: _, result: __, ...row } = reportOf({ queue, job, state }, taskIdOf(job));
  return row;
}

/** The id of a task: that of its envelope, or of its job if it is one of a schedule or no task of ours. */
function taskIdOf({ id, data, repeatJobKey }: TaskJob): string {
  const own = (data as { readonly id?: unknown } | null)?.id;
  return repeatJobKey === undefined && typeof own === 'string' ? own : id!;
}
