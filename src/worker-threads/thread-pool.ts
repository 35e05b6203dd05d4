import { Piscina } from 'piscina';
import { ThreadCrashedError, ThreadQueueFullError } from './thread-errors.js';
import { checkThreadArguments, copyArguments } from './thread-arguments.js';
import { readAnswer } from './thread-answer.js';
import { ThreadAttempt, type ThreadCall } from './thread-call.js';
import { logStrayErrors } from './thread-log.js';
import type { ThreadAnswer, ThreadMessage } from './thread-protocol.js';
import type { ResolvedWorkerThreadsOptions } from './worker-threads-options.js';

/** A thread that dies before it has begun a call costs the call nothing but time; so many are tried. */
const MAX_STARTS = 3;

/**
 * Calls, first in, first out, in front of a piscina that is never given more of them than it has
 * threads: its own queue has no limit for calls with a signal, and forgets them when threads die.
 */
export class ThreadPool {
  readonly #waiting = new Set<ThreadCall>();
  readonly #running = new Set<ThreadCall>();
  #threads: Piscina | undefined;
  /** Why a thread died that ran nothing. */
  #lastDeath: unknown;

  constructor(readonly options: ResolvedWorkerThreadsOptions) {}

  run(call: ThreadCall): void {
    if (call.isOver) return;
    const { maxRunning, maxPending, maxArgumentBytes } = this.options;
    if (this.#running.size < maxRunning) {
      this.#begin(call);
    } else if (this.#waiting.size >= maxPending) {
      call.fail(new ThreadQueueFullError(call.target.name, maxPending));
    } else {
      try {
        checkThreadArguments(call.target.name, call.args, maxArgumentBytes);
      } catch (error) {
        call.fail(error);
        return;
      }
      call.onOver = () => this.#waiting.delete(call);
      this.#waiting.add(call);
    }
  }

  /** Ends all calls and all threads. Resolves with the names of the calls, when the threads are gone. */
  async close(reason: unknown): Promise<string[]> {
    const left = [...this.#running, ...this.#waiting];
    // Those that wait first, so that none is begun in the place of one that ran.
    for (const call of left.toReversed()) call.cancel(reason);
    await this.#threads?.destroy();
    return left.map(({ target }) => target.name);
  }

  #begin(call: ThreadCall): void {
    this.#waiting.delete(call);
    this.#running.add(call);
    call.onOver = () => {
      this.#running.delete(call);
      const [next] = this.#waiting;
      if (next) this.#begin(next);
    };
    this.#start(call);
  }

  #start(call: ThreadCall): void {
    const { href, name } = call.target;
    const attempt = (call.attempt = new ThreadAttempt());
    call.starts++;
    let args: Uint8Array<ArrayBuffer>;
    try {
      args = copyArguments(name, call.args, this.options.maxArgumentBytes);
    } catch (error) {
      call.fail(error);
      return;
    }
    const message: ThreadMessage = { href, name, args, ticket: attempt.ticket };
    const answer = this.#piscina().run(message, { signal: attempt.signal, transferList: [args.buffer] });
    (answer as Promise<ThreadAnswer>).then(
      (answered) => call.settle(() => readAnswer(answered, name, href)),
      (error: unknown) => this.#died(call, attempt, error),
    );
  }

  /** The thread of an attempt has died, if it had one. */
  #died(call: ThreadCall, attempt: ThreadAttempt, error: unknown): void {
    if (call.isOver || call.attempt !== attempt) return;
    if (attempt.withdraw()) this.#startAgain(call, attempt, error);
    else call.fail(new ThreadCrashedError(call.target.name, howItDied(error), error));
  }

  #startAgain(call: ThreadCall, withdrawn: ThreadAttempt, error: unknown): void {
    withdrawn.end();
    if (call.starts < MAX_STARTS) this.#start(call);
    else call.fail(new ThreadCrashedError(call.target.name, howItDied(error), error));
  }

  #piscina(): Piscina {
    if (this.#threads) return this.#threads;
    const { maxRunning: maxThreads, idleTimeoutMs, resourceLimits } = this.options;
    const threads = new Piscina({
      filename: new URL('./thread.js', import.meta.url).href,
      name: 'run',
      minThreads: 0,
      maxThreads,
      idleTimeout: idleTimeoutMs,
      resourceLimits,
      // Between calls a thread would otherwise stand still, timers and all, and an error of one call would strike the next.
      atomics: 'disabled',
      recordTiming: false,
    });
    threads.on('error', (error: unknown) => (this.#lastDeath = error));
    threads.on('workerDestroy', () => setImmediate(() => this.#rescue()));
    threads.on('message', logStrayErrors);
    return (this.#threads = threads);
  }

  /** A thread that dies while it starts takes no call with it, and nobody tells the one that waits for it. */
  #rescue(): void {
    if (this.#threads!.threads.length >= this.#running.size) return;
    for (const call of [...this.#running]) {
      if (call.attempt?.withdraw()) this.#startAgain(call, call.attempt, this.#lastDeath);
    }
  }
}

function howItDied(error: unknown): string {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return 'it ran out of memory';
  const [, status] = /exited with code: (\d+)/.exec(String(message)) ?? [];
  return status === undefined ? 'it could not start, or was ended from outside' : `it exited with code ${status}`;
}
