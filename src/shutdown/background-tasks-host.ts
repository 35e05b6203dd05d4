import { Injectable } from '@nestjs/common';
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

providedByModule(BackgroundTasksHost);
