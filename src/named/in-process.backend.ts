import { type EnqueuedTask, TaskBackend } from '../contracts/task-backend.js';

/** Runs named tasks in this process, each in the queue of its own request, at most once. The default. */
export class InProcessBackend extends TaskBackend {
  override readonly takesGroups = true;

  override accept(batch: readonly EnqueuedTask[]): void {
    for (const task of batch) task.runHere();
  }
}
