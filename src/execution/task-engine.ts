import type { BackendHealth } from '../contracts/task-backend.js';
import type { Transaction } from '../contracts/transaction.js';
import type { ResolvedModuleOptions } from '../options/module-options.js';
import { Observation, type ObservedEvents } from '../observation/observation.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import { type RunPermits, Semaphore } from './semaphore.js';
import { TaskLedger } from './task-ledger.js';
import { TaskLog } from './task-log.js';

/** The limits of the process, the counts and the log, which the queues of all requests share. */
export class TaskEngine {
  readonly log = new TaskLog();
  readonly observation: Observation;
  /** The events that observers are told. */
  readonly events: ObservedEvents;
  readonly ledger: TaskLedger;
  readonly keys = new IdempotencyKeys();
  /** For the tasks of a request or unit of work. */
  readonly limits: QueueLimits & { readonly running: Semaphore };
  /** For the tasks that a handler adds. The job has a permit already; waiting for another could block it for ever. */
  readonly limitsInHandler: QueueLimits;
  /** For the jobs of a backend, which limits by itself how many wait here. */
  readonly limitsOfJobs: QueueLimits;
  /** Set by NamedTasks. */
  handOver: HandOver = () => undefined;
  /** Set by NamedTasks: asks the backend for its health. */
  backendHealth: () => Promise<BackendHealth> = async () => ({ status: 'up', reasons: [] });
  /** Set by NamedTasks: inserts them in a transaction. Rejects with what the backend threw. */
  insert: (tasks: readonly QueuedTask[], transaction: Transaction) => Promise<void> = () => Promise.resolve();
  /** Set by NamedTasks: throws if the backend would never take these together. */
  checkHandOver: (tasks: readonly QueuedTask[]) => void = () => undefined;
  /**
   * Set when the signals abort, shortly before the shutdown deadline. A task that fails later may have been
   * interrupted by that.
   */
  isAborting = false;
  /** Set at the shutdown deadline: from then on no task starts, in any request. */
  isPastDeadline = false;

  constructor(readonly options: ResolvedModuleOptions) {
    const { observers, tracing } = options;
    this.observation = new Observation(tracing ? [...observers, tracing] : observers, (observer, error) =>
      this.log.brokenObserver(observer, error),
    );
    this.events = this.observation.events;
    this.ledger = new TaskLedger(this.events, this.log, process.env.NODE_ENV !== 'production');
    const { concurrency, maxPending, maxRunning } = options;
    const [pending, running, unlimited] = [maxPending, maxRunning, Infinity].map((permits) => new Semaphore(permits));
    this.limits = { concurrency, pending: pending!, running: running! };
    this.limitsInHandler = { ...this.limits, running: unlimited! };
    this.limitsOfJobs = { concurrency: Infinity, pending: unlimited!, running: running!, isShared: true };
  }
}

/** The limits that hold for one queue. */
export interface QueueLimits {
  /** Tasks of this queue that may run at a time. */
  readonly concurrency: number;
  /** One permit for each task that waits. */
  readonly pending: Semaphore;
  /** One permit for each task that runs. */
  readonly running: RunPermits;
  /** Whether its tasks are those of many requests: then a task that failed stops none of the others. */
  readonly isShared?: boolean;
}

/**
 * Gives named tasks to the backend. Returns a promise if that takes time, which rejects with what the backend threw.
 */
export type HandOver = (tasks: readonly QueuedTask[]) => Promise<void> | undefined;
