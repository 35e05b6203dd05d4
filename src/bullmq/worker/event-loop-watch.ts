/**
 * Notices that the event loop was blocked, so that no lock was renewed meanwhile. Node's `monitorEventLoopDelay` has no
 * callback, and sees a block only a turn of the loop later, when the task that caused it is no longer known.
 */
export class EventLoopWatch {
  readonly #everyMs: number;
  readonly #timer: NodeJS.Timeout;
  #turnedAt = performance.now();

  /** `blocked` is called after more than half of a lock, which is how old a lock may be when it is renewed. */
  constructor(
    private readonly lockDurationMs: number,
    private readonly blocked: (forMs: number) => void,
  ) {
    this.#everyMs = Math.min(lockDurationMs / 10, 1_000);
    this.#timer = setInterval(() => {
      this.check();
      this.#turnedAt = performance.now();
    }, this.#everyMs).unref();
  }

  /** Checks now, before the next turn of the loop: a task that blocked it has ended by then. */
  check(): void {
    const blockedMs = performance.now() - this.#turnedAt - this.#everyMs;
    if (blockedMs <= this.lockDurationMs / 2) return;
    this.#turnedAt = performance.now();
    this.blocked(blockedMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
