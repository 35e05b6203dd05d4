import { missingPackage } from '../../errors/missing-package.js';

/**
 * Creates BullMQ's schema `bullmq` in a PostgreSQL database, or brings it up to date. Run it when you deploy, as a user
 * that may create schemas. Several at a time wait for each other. Rejects with the error of the database, or with
 * MISSING_PACKAGE.
 */
export async function migrateBullMq(connectionString: string): Promise<void> {
  const [{ runMigrations }, { default: pg }] = await Promise.all([import('bullmq'), import('pg')]).catch(
    missingPackage('migrateBullMq()', ['bullmq', 'pg']),
  );
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await runMigrations(client);
  } finally {
    await client.end();
  }
}
