import type { BatchOptions, BatchTrigger } from '../contracts/batch-options.js';
import type { PermitWaiter, RunPermits, Semaphore } from './semaphore.js';

/**
 * The permits of tasks that run in batches: those that wait get theirs together, once there are `maxSize` of them or the
 * first has waited for `maxWaitMs`. One batch runs at a time, so that tasks begin in their order; those that come
 * meanwhile are in the next. A batch needs one permit of the process.
 */
export class BatchPermits implements RunPermits {
  readonly #waiting: { readonly waiter: PermitWaiter; readonly since: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;
  #isFlushing = false;

  /** `run` grants the permits of one batch by `grant()`, and resolves once that has ended. It never rejects. */
  constructor(
    private readonly options: BatchOptions,
    private readonly running: Semaphore,
    private readonly run: (grant: () => void, trigger: BatchTrigger, waitedMs: number) => Promise<void>,
  ) {}

  acquire(waiter: PermitWaiter): void {
    this.#waiting.push({ waiter, since: performance.now() });
    if (this.#isBusy) return;
    if (this.#isFull) this.#begin('size');
    else this.#beginInTime();
  }

  acquireAgain(waiter: PermitWaiter): void {
    this.acquire(waiter);
  }

  /** Does nothing: the permits of a batch end with the batch. */
  release(): void {}

  /** Begins a batch with those that wait, unless one runs. */
  begin(): void {
    if (!this.#isBusy && this.#waiting.length > 0) this.#begin('time');
  }

  /** Waits for no more tasks from now on: the application shuts down. */
  flush(): void {
    this.#isFlushing = true;
    if (!this.#isBusy && this.#waiting.length > 0) this.#begin('shutdown');
  }

  get #isFull(): boolean {
    return this.#waiting.length >= this.options.maxSize;
  }

  get #waitedMs(): number {
    return performance.now() - this.#waiting[0]!.since;
  }

  /** Begins a batch when its first task has waited for long enough. */
  #beginInTime(): void {
    const leftMs = this.#isFlushing ? 0 : Math.max(0, this.options.maxWaitMs - this.#waitedMs);
    this.#timer ??= setTimeout(() => this.#begin(this.#isFlushing ? 'shutdown' : 'time'), leftMs);
  }

  #begin(trigger: BatchTrigger): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isBusy = true;
    this.running.acquire({ granted: () => void this.#run(trigger) });
  }

  async #run(trigger: BatchTrigger): Promise<void> {
    const waitedMs = this.#waitedMs;
    const batch = this.#waiting.splice(0, this.options.maxSize);
    const grant = () => {
      for (const { waiter } of batch) waiter.granted();
    };
    await this.run(grant, trigger, waitedMs);
    this.#isBusy = false;
    this.running.release();
    if (this.#isBusy || this.#waiting.length === 0) return;
    if (this.#isFull) this.#begin('size');
    else if (this.#isFlushing) this.#begin('shutdown');
    else if (this.#waitedMs >= this.options.maxWaitMs) this.#begin('time');
    else this.#beginInTime();
  }
}
