import type { BackendSettings, TaskBackend } from '../../contracts/task-backend.js';
import type { Transaction } from '../../contracts/transaction.js';

/** The backend that the checks are for. */
export interface BackendContractOptions {
  /**
   * Makes a backend that can accept tasks and has not been started. Each check has a queue of its own, which is empty. A
   * second backend on one queue is another process.
   */
  create(queue: string): Promise<BackendUnderTest> | BackendUnderTest;
  /**
   * Whether the backends of one queue share its tasks, as those of several processes do. @default true. `false` for one
   * that keeps its tasks in this process, and leaves out the checks of two processes.
   */
  readonly isShared?: boolean;
  /** Settings that the backend has to refuse. Without them that is not checked. */
  readonly invalidSettings?: BackendSettings;
  /** Takes the server away and brings it back. Without it outages are not checked. */
  readonly outage?: { begin(): unknown; end(): unknown };
  /**
   * Calls `work` in a transaction, which commits if that resolves and rolls back if it rejects; settles as it does. Without
   * it `acceptWithin()` is not checked.
   */
  transaction?(work: (transaction: Transaction) => Promise<void>): Promise<void>;
  /**
   * Milliseconds that a check takes at most. @default 4500. Keep it below the time limit of the test runner, which knows
   * less to say.
   */
  readonly timeoutMs?: number;
  /**
   * Milliseconds in which the backend would do what it must not do, such as run a task again. @default 100. More makes each
   * check that much longer; less misses a fault of a slow one.
   */
  readonly quietMs?: number;
}

/** A backend that a check uses. */
export interface BackendUnderTest {
  readonly backend: TaskBackend;
  /** Called when the check has ended, after `pause()`. */
  close?(): unknown;
}
