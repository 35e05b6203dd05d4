import { Logger } from '@nestjs/common';
import { setMaxListeners } from 'node:events';
import type { Piscina } from 'piscina';
import { requirePackage } from '../errors/missing-package.js';
import { errorText } from '../execution/error-text.js';
import { writeLine } from '../execution/log-line.js';
import { unpackError } from './packed-error.js';
import { serializeArguments } from './thread-arguments.js';
import { ThreadCall } from './thread-call.js';
import { ThreadCrashedError, ThreadQueueFullError } from './thread-errors.js';
import { STRAY_ERROR, type StrayError, type ThreadMessage } from './thread-protocol.js';
import type { ResolvedWorkerThreadsOptions } from './worker-threads-options.js';

/** Runs calls in threads: `maxRunning` at a time, the others in the order in which they were made. */
export class ThreadPool {
  /** The calls without a result. */
  readonly #calls = new Set<ThreadCall>();
  /**
   * The calls that wait for a thread, with the functions that begin them. Piscina's own queue has no limit for calls
   * with a signal (tests "wait up to the limit", "where none may wait"), starts no thread for them when one has died
   * ("leaves a thread for the next call"), and would keep a copy of the arguments of each.
   */
  readonly #waiting = new Map<ThreadCall, () => void>();
  #running = 0;
  #failedStarts = 0;
  #startError: unknown;
  readonly #piscina: Piscina;

  constructor(private readonly options: ResolvedWorkerThreadsOptions) {
    this.#piscina = new piscina.Piscina({
      filename: new URL('./thread.js', import.meta.url).href,
      name: 'run',
      minThreads: 0,
      maxThreads: options.maxRunning,
      idleTimeout: options.idleTimeoutMs,
      resourceLimits: options.resourceLimits,
      // With 'sync' the timers of an idle thread stand still (test "when it fails while nothing runs").
      atomics: 'disabled',
      recordTiming: false,
    });
    this.#piscina.on('message', logStrayError);
    this.#piscina.on('error', (error: unknown) => (this.#startError = error));
    this.#piscina.on('workerCreate', () => (this.#failedStarts = 0));
    // Later, because piscina emits this before it rejects the call of that thread (test "knows nothing of it").
    this.#piscina.on('workerDestroy', () => setImmediate(() => this.#replaceThread()));
  }

  /** Runs an exported function of a module. */
  async run(module: string, name: string, args: readonly unknown[], taskSignal?: AbortSignal): Promise<unknown> {
    const call = new ThreadCall(module, name, args);
    const cancel = (): void => call.cancel(taskSignal!.reason);
    if (taskSignal?.aborted) cancel();
    // Test "takes many calls of one task": Node warns about more than ten listeners.
    if (taskSignal) setMaxListeners(0, taskSignal);
    taskSignal?.addEventListener('abort', cancel);
    this.#calls.add(call);
    try {
      call.signal.throwIfAborted();
      if (this.#running < this.options.maxRunning) this.#running++;
      else await this.#waitForThread(call);
      try {
        return await this.#runInThread(call);
      } finally {
        this.#releaseThread();
      }
    } finally {
      this.#calls.delete(call);
      taskSignal?.removeEventListener('abort', cancel);
    }
  }

  /** Cancels all calls and ends all threads. Resolves with the names of the calls when the threads have ended. */
  async close(reason: unknown): Promise<string[]> {
    const names = [...this.#calls].map(({ name }) => name);
    for (const call of this.#calls) call.cancel(reason);
    await this.#piscina.destroy();
    return names;
  }

  async #waitForThread(call: ThreadCall): Promise<void> {
    const { name, args, signal } = call;
    const { maxPending, maxArgumentBytes } = this.options;
    if (this.#waiting.size >= maxPending) throw new ThreadQueueFullError(name, maxPending);
    serializeArguments(name, args, maxArgumentBytes, false);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.set(call, resolve);
      signal.addEventListener('abort', () => {
        this.#waiting.delete(call);
        reject(signal.reason as Error);
      });
    });
  }

  #releaseThread(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#running--;
      return;
    }
    const [call, begin] = next;
    this.#waiting.delete(call);
    begin();
  }

  async #runInThread(call: ThreadCall): Promise<unknown> {
    const { module: href, name, args, progress, signal } = call;
    for (let starts = 1; ; starts++) {
      const copy = serializeArguments(name, args, this.options.maxArgumentBytes);
      const message: ThreadMessage = { href, name, args: copy, progress };
      let answer: Uint8Array;
      try {
        answer = (await this.#piscina.run(message, { signal, transferList: [copy.buffer] })) as Uint8Array;
      } catch (error) {
        signal.throwIfAborted();
        // Test "fails alone": a retired thread exits when it gets the next call.
        if (!call.hasBegun && starts < MAX_STARTS) continue;
        throw new ThreadCrashedError(name, describeDeath(error), error);
      }
      return call.readAnswer(answer);
    }
  }

  /**
   * Starts a thread in place of one that died while it started. Piscina starts none by itself, and rejects no call
   * either (tests "B36 a thread that dies before it has begun the call").
   */
  #replaceThread(): void {
    if (this.#piscina.threads.length >= this.#running) return;
    if (++this.#failedStarts < MAX_STARTS) {
      // An empty call makes piscina start a thread. It may be lost with that thread.
      void this.#piscina.run(undefined).catch(() => undefined);
      return;
    }
    this.#failedStarts = 0;
    for (const call of this.#calls) {
      if (call.hasBegun || this.#waiting.has(call)) continue;
      const how = 'it could not start, or it was ended from outside';
      call.abort(new ThreadCrashedError(call.name, how, this.#startError));
    }
  }
}

const piscina = requirePackage('worker-threads', 'piscina') as typeof import('piscina');

/** The number of times that a call is made if each thread dies before it has begun the call. */
const MAX_STARTS = 3;

/** Describes why piscina rejected a call. The error is that of the thread, or tells its exit code. */
function describeDeath(error: unknown): string {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return 'it ran out of memory';
  const exit = typeof message === 'string' ? /^worker exited with code: (\d+)$/.exec(message) : null;
  return exit ? `it exited with code ${exit[1]}` : 'nobody caught an error in it';
}

/** Logs an error of something that a function left running. Its call has ended, so no caller gets the error. */
function logStrayError(message: unknown): void {
  // Functions may send messages of their own to the parent thread.
  if (typeof message !== 'object' || message === null || !(STRAY_ERROR in message)) return;
  const { leftBy, error } = message[STRAY_ERROR] as StrayError;
  const what = leftBy === undefined ? 'A module' : `Thread function "${leftBy}"`;
  const text = errorText(unpackError(error));
  const line = `${what} left something running that failed, and its thread is replaced: ${text}`;
  writeLine(new Logger('WorkerThreads'), 'error', line);
}
