/** Notices that the event loop stood still: no lock was renewed meanwhile. */
export class LoopWatch {
  readonly #everyMs: number;
  readonly #timer: NodeJS.Timeout;
  #turnedAt = performance.now();

  /** `stoodStill` is told of more than half of a lock, which is how old a lock may be when it is renewed. */
  constructor(
    private readonly lockDurationMs: number,
    private readonly stoodStill: (forMs: number) => void,
  ) {
    this.#everyMs = Math.min(lockDurationMs / 10, 1_000);
    this.#timer = setInterval(() => {
      this.look();
      this.#turnedAt = performance.now();
    }, this.#everyMs).unref();
  }

  /** For whoever cannot wait for the next turn: a task that blocked the loop has ended by then. */
  look(): void {
    const stillMs = performance.now() - this.#turnedAt - this.#everyMs;
    if (stillMs <= this.lockDurationMs / 2) return;
    this.#turnedAt = performance.now();
    this.stoodStill(stillMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
