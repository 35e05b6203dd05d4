/** Settles as `work` does, but rejects with the error of `tooLate` if that takes more than `ms` milliseconds. */
export function withTimeLimit<T>(work: PromiseLike<T>, ms: number, tooLate: () => Error): Promise<T> {
  return limited(work, ms, (_resolve, reject) => reject(tooLate()));
}

/** Waits for `work`, for `ms` milliseconds at most. Resolves with whether it ended in time; rejects as `work` does. */
export function endsWithin(work: PromiseLike<unknown>, ms: number): Promise<boolean> {
  return limited(
    work.then(() => true),
    ms,
    (resolve) => resolve(false),
  );
}

/** Races by hand: every request with a resource comes through here, and Promise.race takes several times as long. */
function limited<T>(
  work: PromiseLike<T>,
  ms: number,
  onLate: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => onLate(resolve, reject), ms);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- passed on as it was thrown
        reject(error);
      },
    );
  });
}

/**
 * A time limit for one piece of work after another. One timer serves them all: to make one takes longer than most of the
 * work.
 */
export class TimeLimit {
  #timer: NodeJS.Timeout | undefined;
  #onLate: (() => void) | undefined;

  constructor(readonly ms: number) {}

  /** Settles as `work` does, but rejects with the error of `tooLate` if that takes too long. */
  within(work: PromiseLike<unknown>, tooLate: () => Error): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#onLate = () => reject(tooLate());
      if (this.#timer) this.#timer.refresh();
      else this.#timer = setTimeout(() => this.#onLate?.(), this.ms);
      work.then(resolve, reject);
    });
  }

  /** Call it after the last piece of work. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
