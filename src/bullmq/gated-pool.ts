import type { PgPool } from 'bullmq';
import type { Pool } from 'pg';

/**
 * A pool as BullMQ is to see it. It takes a connection that fails for a failure for ever, so that it
 * is given none before the database is ready; and its worker asks again at once where a query fails.
 */
export function gatedPool(pool: Pool, whenReady: () => Promise<void>, isPatient: boolean): PgPool {
  const gated = {
    options: pool.options,
    async query(text: string, params?: unknown[]) {
      if (isPatient) await whenReady();
      return pool.query(text, params);
    },
    async connect() {
      await whenReady();
      return pool.connect();
    },
    end: () => Promise.resolve(),
    on(event: 'error', listener: (error: Error) => void) {
      pool.on(event, listener);
      return gated;
    },
    removeAllListeners: () => gated,
  };
  return gated as unknown as PgPool;
}
