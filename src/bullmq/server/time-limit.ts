/** Waits for `work`, but not for longer. Returns whether it ended in time; what it rejects with is passed on. */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  try {
    return await Promise.race([work.then(() => true), deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** The time in which a server has to answer, which may cover more than one question. */
export class AnswerLimit {
  /** Rejects when it is over. */
  readonly late: Promise<never>;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.late = new Promise((_resolve, reject) => {
      this.#timer = setTimeout(() => reject(new Error(`it did not answer in ${ms} ms`)), ms);
    });
    this.late.catch(() => undefined);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

/** Passes on what a server answers, or rejects if it takes longer. */
export async function answeredWithin<T>(answer: Promise<T>, ms: number): Promise<T> {
  const limit = new AnswerLimit(ms);
  try {
    return await Promise.race([answer, limit.late]);
  } finally {
    limit.clear();
  }
}
