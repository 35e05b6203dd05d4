import type { ObservedScope, ObservedTask } from '../contracts/task-events.js';
import { asyncContext } from '../tasks/async-context.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { firstFrame } from '../tasks/stack-trace.js';

/** Holder of tasks: a scope, or the jobs of this process, which have none. */
export interface Observed {
  readonly observed: ObservedScope | undefined;
}

/** The part that all events of a task share. */
export interface AboutTask {
  readonly scope?: ObservedScope;
  readonly task: ObservedTask;
}

/** Describes a task to those who are told that it was added. Called by the code that adds it. */
export function aboutAddedTask(task: QueuedTask, owner: Observed): AboutTask {
  task.observed = describe(task, asyncContext.getStore()?.task?.id);
  return aboutTask(task, owner);
}

export function aboutTask(task: QueuedTask, owner: Observed): AboutTask {
  const { observed: scope } = task.leftScope ?? owner;
  return { ...(scope && { scope }), task: observedTask(task) };
}

export function observedTask(task: QueuedTask): ObservedTask {
  return (task.observed ??= describe(task));
}

/** Notes that a thread runs a part of the task. Observers see that from the next event of the task on. */
export function noteThread(task: QueuedTask): void {
  const observed: { usesThread?: boolean } = observedTask(task);
  observed.usesThread = true;
}

/** Notes the batch that a task runs in, where somebody was told of the task. Seen from its next event on. */
export function noteBatch({ observed }: QueuedTask, batch: { readonly id: string; readonly size: number }): void {
  if (observed) (observed as { batch?: ObservedTask['batch'] }).batch = batch;
}

function describe(task: QueuedTask, addedBy?: string): ObservedTask {
  const { id, name, isNamed, functionName, stackTrace, waitsFor } = task;
  const place = firstFrame(stackTrace);
  return {
    id,
    name,
    isNamed,
    ...(!isNamed && { function: functionName }),
    ...(addedBy !== undefined && { addedBy }),
    ...(place !== undefined && { place }),
    ...(waitsFor && { waitsFor }),
  };
}
