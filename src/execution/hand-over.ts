import type { Transaction } from '../contracts/transaction.js';
import { BackendUnavailableError } from '../errors/named-task-errors.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { observedTask } from '../observation/observed-task.js';
import type { TaskEnd } from './task-ledger.js';
import type { TaskQueue } from './task-queue.js';
import { withTimeLimit } from './time-limit.js';

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

/**
 * Inserts what is due in a transaction, which `commit` then commits. If either fails, the tasks wait as before: the
 * failure of the request decides on them. `hasClientLeft` leaves out those that are to be skipped then.
 */
export async function handOverWithin(
  transaction: Transaction,
  queue: TaskQueue,
  commit: () => Promise<void>,
  hasClientLeft: boolean,
): Promise<void> {
  const due = queue.due.filter(({ options }) => !hasClientLeft || options.onAbort !== 'skip');
  if (due.length === 0) return commit();
  for (const task of due) task.stage = 'handed-over';
  const begunAt = performance.now();
  const { disposeTimeoutMs } = queue.engine.options;
  const silence = () =>
    new BackendUnavailableError(`${due.length} task(s)`, `the transaction did not answer in ${disposeTimeoutMs} ms`);
  try {
    await withTimeLimit(queue.engine.insert(due, transaction), disposeTimeoutMs, silence);
    await commit();
  } catch (error) {
    for (const task of due) task.stage = 'before-hand-over';
    throw error;
  }
  end(queue, due, begunAt, ENQUEUED);
}

/** Inserts a task that is in no queue in a transaction. It is counted once it is there. */
export async function insertWithin(transaction: Transaction, queue: TaskQueue, task: QueuedTask): Promise<QueuedTask> {
  const begunAt = performance.now();
  const { engine, owner } = queue;
  await engine.insert([task], transaction);
  engine.ledger.accept(task, owner);
  tellHandedOver(queue, [task], begunAt, ENQUEUED);
  engine.ledger.end(task, owner, ENQUEUED);
  return task;
}

const ENQUEUED: TaskEnd = { state: 'enqueued' };

/** Ends the tasks that the backend does not have run here. */
function end(queue: TaskQueue, tasks: readonly QueuedTask[], begunAt: number, how: TaskEnd): undefined {
  const taken = tasks.filter(({ stage }) => stage === 'handed-over');
  tellHandedOver(queue, taken, begunAt, how);
  queue.endWaiting(taken, how);
}

function tellHandedOver(queue: TaskQueue, tasks: readonly QueuedTask[], begunAt: number, how: TaskEnd): void {
  const { handedOver } = queue.engine.events;
  const scope = handedOver.isHeard && tasks.length > 0 ? queue.owner.observed : undefined;
  if (!scope) return;
  const failure = how.state === 'failed' && { error: how.error };
  handedOver.tell({ scope, tasks: tasks.map(observedTask), durationMs: performance.now() - begunAt, ...failure });
}
