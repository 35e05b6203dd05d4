import type { PgPool } from 'bullmq';
import { setTimeout as wait } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';

/**
 * Wraps `pg.Pool` for BullMQ, which checks the schema on its first connect and never again: if that fails, the queue
 * is unusable for good. So that connect waits for the database. With `queriesWait` each query waits too, because
 * BullMQ's worker repeats a failed one without a pause.
 *
 * `isUp` tells whether there is a database with the right schema. It throws once the application has closed.
 */
export function poolForBullMq(pool: Pool, isUp: () => boolean, queriesWait: boolean): PgPool {
  let hasConnected = false;

  async function up(): Promise<void> {
    while (!isUp()) await wait(TRY_AGAIN_MS);
  }

  /** Tries again if the connection was lost meanwhile. */
  async function untilDone<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      await up();
      try {
        return await work();
      } catch {
        await wait(TRY_AGAIN_MS);
      }
    }
  }

  const wrapped = {
    options: pool.options,
    async query(text: string, params?: unknown[]) {
      if (queriesWait) await up();
      return pool.query(text, params);
    },
    /** Called for the check of the schema, and then for the connection on which a worker listens. */
    async connect() {
      if (hasConnected) return untilDone(() => pool.connect());
      hasConnected = true;
      const query = (text: string, params?: unknown[]) => untilDone(() => pool.query(text, params));
      return { query, release: () => undefined } as unknown as PoolClient;
    },
    /** Does nothing: the server ends the pool after the queue and the worker have closed. */
    end: () => Promise.resolve(),
    /** Does nothing: the server listens to its pools, and BullMQ never takes back a listener. */
    on: () => wrapped,
    removeAllListeners: () => wrapped,
  };
  return wrapped as unknown as PgPool;
}

const TRY_AGAIN_MS = 100;
