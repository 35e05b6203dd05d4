import type { QueuedTask } from '../tasks/queued-task.js';
import type { PermitWaiter, RunPermits } from './semaphore.js';

/** The permits of a task that may run once others have ended, however they did. */
export class PermitsAfter implements RunPermits {
  constructor(
    private readonly tasks: readonly QueuedTask[],
    private readonly running: RunPermits,
  ) {}

  acquire(waiter: PermitWaiter): void {
    void Promise.all(this.tasks.map(({ settled }) => settled)).then(() => this.running.acquire(waiter));
  }

  release(): void {
    this.running.release();
  }
}
