import { setMaxListeners } from 'node:events';
import { ThreadCancelledError } from './thread-errors.js';
import { OPEN, WITHDRAWN } from './thread-protocol.js';

/** What a call runs. */
interface ThreadTarget {
  /** The URL of the module. */
  readonly href: string;
  /** The name of the export. */
  readonly name: string;
}

/** One call of a thread function, from the line that made it to its end. */
export class ThreadCall {
  readonly result: Promise<unknown>;
  /** Called once, when it has its end. */
  onOver: () => void = () => undefined;
  attempt: ThreadAttempt | undefined;
  /** How often a thread was asked to begin it. */
  starts = 0;
  #isOver = false;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor(
    readonly target: ThreadTarget,
    readonly args: readonly unknown[],
    private readonly signal: AbortSignal | undefined,
  ) {
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (!signal) return;
    // Each call of a task listens to the one signal of the task, and Node takes more than ten for a leak.
    setMaxListeners(0, signal);
    if (signal.aborted) this.cancel(signal.reason);
    else signal.addEventListener('abort', this.#abort);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Takes what `read` returns for the result, or what it throws for the error. */
  settle(read: () => unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.signal?.removeEventListener('abort', this.#abort);
    try {
      this.#resolve(read());
    } catch (error) {
      this.#reject(error);
    }
    this.onOver();
  }

  fail(error: unknown): void {
    this.settle(() => {
      throw error;
    });
  }

  /** Ends it at once, and the thread that runs it. */
  cancel(reason: unknown): void {
    if (this.#isOver) return;
    // First, so that the thread has made room when the next call asks for it.
    this.attempt?.end();
    this.fail(new ThreadCancelledError(this.target.name, reason));
  }

  readonly #abort = (): void => this.cancel(this.signal!.reason);
}

/** One request to a thread to begin a call. The thread tears the ticket when it begins, unless it was withdrawn before. */
export class ThreadAttempt {
  readonly ticket = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #controller = new AbortController();

  /** Tells the pool to end the thread, or not to look for one any more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Makes sure that no thread begins the call any more. Returns whether none had. */
  withdraw(): boolean {
    return Atomics.compareExchange(this.ticket, 0, OPEN, WITHDRAWN) === OPEN;
  }

  end(): void {
    this.#controller.abort();
  }
}
