/** Whoever asks for a slot. */
export interface SlotTaker {
  /** Called with the slot taken. */
  start(): void;
}

/**
 * The slots for running tasks: at most `maxRunning` in the whole process. A request asks for one
 * slot per task it may run at a time, and who asked first gets the next, so requests take turns.
 */
export class RunSlots {
  #free: number;
  #isGranting = false;
  readonly #asking: SlotTaker[] = [];

  constructor(maxRunning: number) {
    this.#free = maxRunning;
  }

  /** Starts the taker with a slot taken: at once, or when one is free. */
  take(taker: SlotTaker): void {
    if (this.#asking.length === 0 && this.#free > 0) {
      this.#free--;
      taker.start();
    } else {
      this.#asking.push(taker);
    }
  }

  /** Grants in a loop, not by recursion: a task that is synchronous gives its slot back while it is granted. */
  release(): void {
    this.#free++;
    if (this.#isGranting) return;
    this.#isGranting = true;
    while (this.#free > 0 && this.#asking.length > 0) {
      this.#free--;
      this.#asking.shift()!.start();
    }
    this.#isGranting = false;
  }
}
