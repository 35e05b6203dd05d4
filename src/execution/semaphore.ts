/** Hands out a limited number of permits, first come, first served. */
export class Semaphore implements RunPermits {
  #free: number;
  #isGranting = false;
  readonly #queue: { readonly waiter: PermitWaiter; readonly permits: number }[] = [];

  constructor(readonly permits: number) {
    this.#free = permits;
  }

  /** Acquires a permit if one is free and nobody waits for it. Returns whether it did. */
  tryAcquire(): boolean {
    if (this.#free <= 0 || this.#queue.length > 0) return false;
    this.#free--;
    return true;
  }

  /**
   * Acquires that many permits together, at once or when they are free. A waiter must hold none: two
   * that each hold what the other lacks would wait for ever.
   */
  acquire(waiter: PermitWaiter, permits = 1): void {
    if (this.#queue.length === 0 && this.#free >= permits) {
      this.#free -= permits;
      waiter.granted();
    } else {
      this.#queue.push({ waiter, permits });
    }
  }

  release(permits = 1): void {
    this.#free += permits;
    if (this.#queue.length > 0) this.#grant();
  }

  /** Lifts the limit, so that nobody waits any longer. */
  open(): void {
    this.#free = Infinity;
    this.#grant();
  }

  /** Grants in a loop, not by recursion: a synchronous task releases its permit while it is granted. */
  #grant(): void {
    if (this.#isGranting) return;
    this.#isGranting = true;
    for (let next = this.#queue[0]; next && this.#free >= next.permits; next = this.#queue[0]) {
      this.#queue.shift();
      this.#free -= next.permits;
      next.waiter.granted();
    }
    this.#isGranting = false;
  }
}

/** Waits for permits of a {@link Semaphore}. */
export interface PermitWaiter {
  /** Called with the permits acquired. */
  granted(): void;
}

/** Permits to run. */
export interface RunPermits {
  /** The moment from which any is granted, `Infinity` while it is not known; absent if that is always. */
  readonly grantedFrom?: number;
  acquire(waiter: PermitWaiter): void;
  release(): void;
  /** Acquires a permit for the next attempt of a task. Absent where a task keeps its permit between attempts. */
  acquireAgain?(waiter: PermitWaiter): void;
}
