let done = 0;

/** The task of every variant: asynchronous, and as little as can be. */
export async function work(amount: number): Promise<void> {
  done += amount;
}

/** What every route answers. */
export const answer = { ok: true };
