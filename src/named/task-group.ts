import type { EndedTask, GroupProgress } from '../contracts/ended-task.js';
import type { GroupMember } from '../contracts/task-envelope.js';
import { PermitsAfter } from '../execution/permits-after.js';
import { SKIPPED } from '../execution/task-ledger.js';
import { TaskQueue } from '../execution/task-queue.js';
import { SUCCESS } from '../scope/outcome.js';
import type { RequestScopes } from '../scope/request-scopes.js';
import type { NextQueue, QueuedTask } from '../tasks/queued-task.js';
import type { NamedTask } from './named-task.js';
import { reportedError } from './reported-value.js';

/** The tasks that the last one of a group waits for, in this process. */
export class TaskGroup {
  constructor(readonly tasks: readonly NamedTask[]) {}

  /** The tasks as the envelope of the last one names them. */
  get members(): readonly GroupMember[] {
    return this.tasks.map(({ id, name }) => ({ id, name }));
  }

  get progress(): GroupProgress {
    const ended = this.tasks.filter((task) => task.isSettled);
    const failed = ended.filter(({ state }) => state !== 'succeeded');
    return { total: this.tasks.length, ended: ended.length, failed: failed.length };
  }

  /** The tasks as they have ended. */
  get ended(): readonly EndedTask[] {
    return this.tasks.map(endOf);
  }

  /** Makes the queue in which the last one waits: that of its request may be done before the others have ended. */
  queueIn(scopes: RequestScopes): NextQueue {
    const { engine, apart } = scopes;
    const { pending, running } = engine.limits;
    const permits = new PermitsAfter(this.tasks, running, () => {
      // Where a part has failed before the turn of the last one, the queue of their request has skipped it.
      const stops = engine.options.onTaskFailure === 'stop' && this.tasks.some(hasFailed);
      if (stops) queue.endWaiting(queue.waiting, SKIPPED);
    });
    const limits = { concurrency: 1, pending, running: permits, isShared: true };
    const queue = new TaskQueue(engine, scopes, limits);
    return {
      takeOver: (task: QueuedTask) => {
        apart.add(queue);
        queue.takeOver(task, SUCCESS, () => {
          apart.delete(queue);
          scopes.closed();
        });
      },
      cancel: (task: QueuedTask) => queue.cancel(task),
    };
  }
}

function hasFailed({ state }: NamedTask): boolean {
  return state === 'failed' || state === 'timed-out';
}

function endOf(task: NamedTask): EndedTask {
  const { id, name, state, result, error } = task;
  if (state === 'succeeded') return { id, name, state, ...(result !== undefined && { result }) };
  if (hasFailed(task)) return { id, name, state: 'failed', error: reportedError(error) };
  return { id, name, state: state === 'cancelled' ? state : 'discarded' };
}
