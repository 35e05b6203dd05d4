import type { PgPool } from 'bullmq';
import type { Pool, PoolClient } from 'pg';

const TRY_AGAIN_MS = 100;

/**
 * A pool as BullMQ is to see it. Its first look at the schema is one whose failure leaves the queue
 * unusable for ever, so that it fails at nothing; and its worker asks again at once where a query
 * fails, so that a patient pool has it wait for the database.
 */
export function gatedPool(pool: Pool, whenReady: () => Promise<void>, isPatient: boolean): PgPool {
  let hasLooked = false;
  const gated = {
    options: pool.options,
    async query(text: string, params?: unknown[]) {
      if (isPatient) await whenReady();
      return pool.query(text, params);
    },
    /** Asked for that look, and then for the connection on which a worker listens. */
    async connect() {
      if (hasLooked) return persistently(whenReady, () => pool.connect());
      hasLooked = true;
      const query = (text: string, params?: unknown[]) => persistently(whenReady, () => pool.query(text, params));
      return { query, release: () => undefined } as unknown as PoolClient;
    },
    /** The server ends it, when the queue and the worker are closed. */
    end: () => Promise.resolve(),
    on(event: 'error', listener: (error: Error) => void) {
      pool.on(event, listener);
      return gated;
    },
    removeAllListeners: () => gated,
  };
  return gated as unknown as PgPool;
}

/** Rejects when there will be no database any more. */
async function persistently<T>(whenReady: () => Promise<void>, work: () => Promise<T>): Promise<T> {
  for (;;) {
    await whenReady();
    try {
      return await work();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
}
