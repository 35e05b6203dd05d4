import type { QueuedTask } from '../tasks/queued-task.js';
import type { PermitWaiter, RunPermits } from './semaphore.js';

/** The permits of a task that may run once others have ended, however they did. */
export class PermitsAfter implements RunPermits {
  grantedFrom = Infinity;

  constructor(
    private readonly tasks: readonly QueuedTask[],
    private readonly running: RunPermits,
    /** Called when they have ended, before the task gets its permit. */
    private readonly ended: () => void,
  ) {}

  acquire(waiter: PermitWaiter): void {
    void Promise.all(this.tasks.map(({ settled }) => settled)).then(() => {
      this.grantedFrom = performance.now();
      this.ended();
      this.running.acquire(waiter);
    });
  }

  release(): void {
    this.running.release();
  }
}
