import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { RequestPart } from '../options/task-options.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import type { TaskQueue } from './task-queue.js';

/**
 * Whether a named task is to be handed over now. A follow-up waits until the task that enqueued it has
 * succeeded. A task with `runOn: 'failure'` waits until the outcome is known.
 */
export function isDue({ stage, follows, options }: QueuedTask, outcome: TaskOutcome | undefined): boolean {
  if (stage !== 'before-hand-over' || (!outcome && options.part?.failure)) return false;
  return follows ? follows.state === 'succeeded' : outcome !== undefined || options.runOn !== 'failure';
}

/** Discards the tasks that `runOn` or `onAbort` keep from running after this outcome, and logs them with the reason. */
export function discardUnfit(tasks: readonly QueuedTask[], outcome: TaskOutcome, queue: TaskQueue): void {
  const { engine, owner } = queue;
  const byOutcome = tasks.filter((task) => !fitsOutcome(task, outcome));
  const parts = new Map(
    byOutcome.map(({ options: { part } }) => [part?.description ?? owner.origin.description, part]),
  );
  for (const [description, part] of parts) {
    const discarded = byOutcome.filter(({ options }) => options.part?.description === part?.description);
    const succeeded = hasSucceeded(part, outcome);
    engine.log.discarded(discarded, `${description} ${succeeded ? 'succeeded' : 'failed'}`, { description });
    queue.endWaiting(discarded, { state: 'discarded', reason: succeeded ? 'request-succeeded' : 'request-failed' });
  }
  if (!outcome.aborted) return;
  const byAbort = tasks.filter((task) => task.options.onAbort === 'skip' && !byOutcome.includes(task));
  if (byAbort.length === 0) return;
  engine.log.discarded(byAbort, `the client of ${owner.origin.description} left`, owner.origin);
  queue.endWaiting(byAbort, { state: 'discarded', reason: 'client-left' });
}

/** Discards what a task has enqueued, because its attempt has not succeeded. */
export function discardFollowUps(task: QueuedTask, queue: TaskQueue): void {
  const followUps = queue.waiting.filter(({ follows }) => follows === task);
  if (followUps.length === 0) return;
  queue.engine.log.discarded(followUps, `task "${task.name}" did not succeed`, queue.owner.origin);
  queue.endWaiting(followUps, { state: 'discarded', reason: 'parent-failed' });
}

function fitsOutcome({ options, addedAfterFailure }: QueuedTask, outcome: TaskOutcome): boolean {
  const runOn = options.runOn ?? (addedAfterFailure ? 'always' : 'success');
  return runOn === 'always' || (runOn === 'success') === hasSucceeded(options.part, outcome);
}

function hasSucceeded(part: RequestPart | undefined, outcome: TaskOutcome): boolean {
  return part ? !part.failure : outcome.succeeded;
}

/** Returns the outcome as a task sees it: that of the part of the request which added it. */
export function outcomeFor({ options: { part } }: QueuedTask, outcome: TaskOutcome): TaskOutcome {
  if (!part || outcome.succeeded === !part.failure) return outcome;
  const { error: _, ...rest } = outcome;
  return Object.freeze({ ...rest, succeeded: !part.failure, ...part.failure });
}
