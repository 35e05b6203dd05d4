import { Injectable } from '@nestjs/common';
import type { BackendHealth } from '../contracts/task-backend.js';
import type { TaskStats } from '../execution/task-ledger.js';
import { checkAll, milliseconds } from '../options/checks.js';
import { RequestScopes } from '../scope/request-scopes.js';
import { providedByModule } from '../tasks/registration.js';
import { Drain } from './drain.js';

/** Counts the background tasks of the application, and brings them to an end at shutdown. */
@Injectable()
export class BackgroundTasksHost {
  readonly #scopes: RequestScopes;
  readonly #drain: Drain;

  constructor(scopes: RequestScopes, drain: Drain) {
    this.#scopes = scopes;
    this.#drain = drain;
  }

  /** Returns how many tasks there are in which state, since the start of the application. */
  stats(): TaskStats {
    return this.#scopes.engine.ledger.stats();
  }

  /** Number of tasks that may wait. */
  get maxPending(): number {
    return this.#scopes.engine.options.maxPending;
  }

  /** Milliseconds for which the oldest waiting task has waited since it could run; 0 if none waits. */
  get oldestWaitingMs(): number {
    return Math.round(this.#scopes.queues.reduce((longest, { waitedMs }) => Math.max(longest, waitedMs), 0));
  }

  /** Returns what a health endpoint says: the backlog of this process, and whether its backend takes tasks. */
  async health(): Promise<BackgroundTasksHealth> {
    const { engine } = this.#scopes;
    const { waiting, running } = engine.ledger.stats();
    return {
      waiting,
      maxPending: this.maxPending,
      oldestWaitingMs: this.oldestWaitingMs,
      running,
      isDraining: this.isDraining,
      backend: await engine.backendHealth(),
    };
  }

  /** Resolves once no request has tasks to run or resources to release. */
  onIdle(): Promise<void> {
    return this.#scopes.whenEmpty();
  }

  /** Whether {@link drain} has begun. */
  get isDraining(): boolean {
    return this.#drain.hasBegun;
  }

  /**
   * Does what `app.close()` does before anything else: takes no more connections, lets the requests in
   * flight finish, runs their tasks and disposers, and refuses work from then on. At `timeoutMs`
   * (@default `shutdownTimeoutMs`) it abandons what is left and says so in one log line. A second
   * call joins the first, whatever its timeout.
   *
   * @throws INVALID_OPTION
   */
  drain(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { timeoutMs } = checkAll<{ timeoutMs?: number }>('', options, { timeoutMs: milliseconds });
    return this.#drain.begin(timeoutMs);
  }
}

/** The health of the tasks of this process. */
export interface BackgroundTasksHealth {
  /** Number of tasks that wait, also those whose response has not ended yet. */
  readonly waiting: number;
  /** Number of tasks that may wait. */
  readonly maxPending: number;
  /** {@link BackgroundTasksHost.oldestWaitingMs} */
  readonly oldestWaitingMs: number;
  readonly running: number;
  /** Whether the application is shutting down. */
  readonly isDraining: boolean;
  readonly backend: BackendHealth;
}

providedByModule(BackgroundTasksHost);
