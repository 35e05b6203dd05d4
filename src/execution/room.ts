/** The seats for waiting tasks: at most `maxPending` in the whole process, handed out first come, first served. */
export class Room {
  #taken = 0;
  #capacity: number;
  readonly #queue: { seats: number; enter: () => void }[] = [];

  constructor(readonly maxPending: number) {
    this.#capacity = maxPending;
  }

  /** Takes one seat if one is free and nobody waits for it. */
  tryTake(): boolean {
    if (this.#taken >= this.#capacity || this.#queue.length > 0) return false;
    this.#taken++;
    return true;
  }

  release(seats: number): void {
    this.#taken -= seats;
    this.#admit();
  }

  /**
   * Waits until that many seats are free together. Whoever waits must hold none, or two who each
   * hold what the other lacks would wait for ever.
   */
  take(seats: number): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.push({ seats, enter: resolve });
      this.#admit();
    });
  }

  /** Lets everybody in: at the shutdown deadline nobody may be left waiting. */
  openDoors(): void {
    this.#capacity = Infinity;
    this.#admit();
  }

  #admit(): void {
    for (let next = this.#queue[0]; next && this.#taken + next.seats <= this.#capacity; next = this.#queue[0]) {
      this.#queue.shift();
      this.#taken += next.seats;
      next.enter();
    }
  }
}
