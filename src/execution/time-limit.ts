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
