import type { ResolvedModuleOptions } from '../options/module-options.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import { Semaphore } from './semaphore.js';
import { TaskLedger } from './task-ledger.js';
import { TaskLog } from './task-log.js';

/**
 * Gives named tasks to the backend. Returns a promise if that takes time, which rejects with what the backend threw.
 */
export type HandOver = (tasks: readonly QueuedTask[]) => Promise<void> | void;

/** The limits of the process, the counts and the log, which the queues of all requests share. */
export class TaskEngine {
  readonly log = new TaskLog();
  readonly ledger: TaskLedger;
  readonly keys = new IdempotencyKeys();
  /** For the tasks of a request or unit of work. */
  readonly limits: QueueLimits;
  /** For the tasks that a named task adds: it has a permit to run, and a second one could never come. */
  readonly limitsInHandler: QueueLimits;
  /** For the jobs of a backend, which has a limit of its own on those that wait here. */
  readonly limitsOfJobs: QueueLimits;
  /** Set by the named tasks, a later room. */
  handOver: HandOver = () => undefined;
  /**
   * Set when the signals abort, shortly before the shutdown deadline: what fails from then on may not be its own fault.
   */
  isAborting = false;
  /** Set at the shutdown deadline: from then on no task starts, in any request. */
  isPastDeadline = false;

  constructor(readonly options: ResolvedModuleOptions) {
    this.ledger = new TaskLedger(options.observers, this.log, process.env.NODE_ENV !== 'production');
    const { concurrency, maxPending, maxRunning } = options;
    const [pending, running, unlimited] = [maxPending, maxRunning, Infinity].map((permits) => new Semaphore(permits));
    this.limits = { concurrency, pending: pending!, running: running! };
    this.limitsInHandler = { ...this.limits, running: unlimited! };
    this.limitsOfJobs = { concurrency: Infinity, pending: unlimited!, running: running! };
  }
}

/** The limits that hold for one queue. */
export interface QueueLimits {
  /** Tasks of this queue that may run at a time. */
  readonly concurrency: number;
  /** One permit for each task that waits. */
  readonly pending: Semaphore;
  /** One permit for each task that runs. */
  readonly running: Semaphore;
}
