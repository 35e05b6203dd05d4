import type { QueuedTask } from '../tasks/queued-task.js';
import { observedTask } from '../observation/observed-task.js';
import type { TaskEnd } from './task-ledger.js';
import type { TaskQueue } from './task-queue.js';

/**
 * Hands over the named tasks of a queue that are due, in one batch. Returns what there is to wait for, if
 * anything. It rejects, once those tasks have failed, with what the backend threw.
 */
export function handOver(queue: TaskQueue): Promise<void> | undefined {
  const { due, engine } = queue;
  if (due.length === 0) return undefined;
  for (const task of due) task.stage = 'handed-over';
  const begunAt = performance.now();
  const handingOver = engine.handOver(due);
  if (!handingOver) return end(queue, due, begunAt, ENQUEUED);
  queue.handOvers++;
  return handingOver
    .then(
      () => end(queue, due, begunAt, ENQUEUED),
      (error: unknown) => {
        end(queue, due, begunAt, { state: 'failed', reason: 'hand-over-failed', error });
        throw error;
      },
    )
    .finally(() => {
      queue.handOvers--;
      queue.startNext();
    });
}

const ENQUEUED: TaskEnd = { state: 'enqueued' };

/** Ends the tasks that the backend does not have run here. */
function end(queue: TaskQueue, tasks: readonly QueuedTask[], begunAt: number, how: TaskEnd): undefined {
  const taken = tasks.filter(({ stage }) => stage === 'handed-over');
  const { handedOver } = queue.engine.events;
  const scope = handedOver.isHeard && taken.length > 0 ? queue.owner.observed : undefined;
  if (scope) {
    const failure = how.state === 'failed' && { error: how.error };
    handedOver.tell({
      scope,
      tasks: taken.map(observedTask),
      durationMs: performance.now() - begunAt,
      ...failure,
    });
  }
  queue.endWaiting(taken, how);
}
