import { isDeepStrictEqual } from 'node:util';
import { ThreadOptionsDifferError } from './thread-errors.js';
import { ThreadPool } from './thread-pool.js';
import { type ResolvedWorkerThreadsOptions, resolveWorkerThreadsOptions } from './worker-threads-options.js';

/** The threads of the process. None exists before the first call, nor after the last application has closed. */
class SharedThreads {
  /** The options of each open application, which are the same for all of them. */
  readonly #applications = new Map<object, ResolvedWorkerThreadsOptions>();
  readonly #defaults = resolveWorkerThreadsOptions({});
  #pool: ThreadPool | undefined;

  get options(): ResolvedWorkerThreadsOptions {
    const [options] = this.#applications.values();
    return options ?? this.#defaults;
  }

  run(...call: Parameters<ThreadPool['run']>): Promise<unknown> {
    this.#pool ??= new ThreadPool(this.options);
    return this.#pool.run(...call);
  }

  /** Begins to use the threads for an application. @throws THREAD_OPTIONS_DIFFER */
  acquire(application: object, options: ResolvedWorkerThreadsOptions): void {
    const keys = Object.keys(options) as (keyof ResolvedWorkerThreadsOptions)[];
    const differing = keys.filter((key) => !isDeepStrictEqual(options[key], this.options[key]));
    if (differing.length > 0) {
      if (this.#applications.size > 0) throw new ThreadOptionsDifferError(differing);
      // Earlier calls, made with the defaults, keep their threads, which end when they are idle.
      this.#pool = undefined;
    }
    this.#applications.set(application, options);
  }

  /** Ends the threads if no other application uses them. Resolves with the names of the calls that this cancelled. */
  async release(application: object): Promise<readonly string[]> {
    if (!this.#applications.delete(application) || this.#applications.size > 0) return [];
    const pool = this.#pool;
    this.#pool = undefined;
    return (await pool?.close(new DOMException('The application is shutting down.', 'AbortError'))) ?? [];
  }
}

/** State of the process and not of an application: two pools would each start a thread for every processor. */
export const sharedThreads = new SharedThreads();
