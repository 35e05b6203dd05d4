import { isDeepStrictEqual } from 'node:util';
import { ThreadOptionsDifferError } from './thread-errors.js';
import type { ThreadCall } from './thread-call.js';
import { ThreadPool } from './thread-pool.js';
import { type ResolvedWorkerThreadsOptions, resolveWorkerThreadsOptions } from './worker-threads-options.js';

/** What one application holds while it is open. */
export interface ThreadLease {
  /** Gives it back. The last one ends all threads; resolves with the names of the calls that this stopped. */
  release(): Promise<readonly string[]>;
}

/** The threads of the process: without any until the first call, and again once the last application that asked for them has closed. */
class SharedThreads {
  readonly #leases = new Map<ThreadLease, ResolvedWorkerThreadsOptions>();
  #defaults: ResolvedWorkerThreadsOptions | undefined;
  #pool: ThreadPool | undefined;

  /** Those of the open applications, who are of one mind about them; else the defaults. */
  get options(): ResolvedWorkerThreadsOptions {
    const [options] = this.#leases.values();
    return options ?? (this.#defaults ??= resolveWorkerThreadsOptions({}));
  }

  run(call: ThreadCall): Promise<unknown> {
    this.#pool ??= new ThreadPool(this.options);
    this.#pool.run(call);
    return call.result;
  }

  /** @throws THREAD_OPTIONS_DIFFER */
  lease(options: ResolvedWorkerThreadsOptions): ThreadLease {
    const differing = Object.keys(options).filter((key) => this.#differs(options, key as keyof typeof options));
    if (this.#leases.size > 0 && differing.length > 0) throw new ThreadOptionsDifferError(differing);
    // Calls that were made before anybody had options end where they began; the threads end when they are idle.
    if (differing.length > 0) this.#pool = undefined;
    const lease = { release: () => this.#release(lease) };
    this.#leases.set(lease, options);
    return lease;
  }

  #differs(options: ResolvedWorkerThreadsOptions, key: keyof ResolvedWorkerThreadsOptions): boolean {
    return !isDeepStrictEqual(options[key], this.options[key]);
  }

  async #release(lease: ThreadLease): Promise<readonly string[]> {
    if (!this.#leases.delete(lease) || this.#leases.size > 0) return [];
    const pool = this.#pool;
    this.#pool = undefined;
    return (await pool?.close(new DOMException('The application is shutting down.', 'AbortError'))) ?? [];
  }
}

/** State of the module and not of an application, for the processors are the machine's: two pools would each take all of them. */
export const sharedThreads = new SharedThreads();
