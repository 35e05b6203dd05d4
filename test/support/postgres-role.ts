import pg from 'pg';
import { onTestFinished } from 'vitest';
import { migrateBullMq } from '../../src/bullmq/index.js';

/** A connection of the owner of the database, for one statement after another. Closed when the test ends. */
export async function postgresAdmin(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** A role of a database in which BullMQ's tables lie, and what the owner then grants to it or revokes from it. */
export async function postgresRole(url: string, ...statements: string[]): Promise<PostgresRole> {
  await migrateBullMq(url);
  const admin = await postgresAdmin(url);
  await admin.query(`
    DO $$ BEGIN DROP OWNED BY tasks; EXCEPTION WHEN undefined_object THEN END $$;
    DROP ROLE IF EXISTS tasks;
    CREATE ROLE tasks LOGIN`);
  const may = async (...more: string[]) => {
    for (const statement of more) await admin.query(statement);
  };
  await may(...statements);
  return { url: url.replace('sample@', 'tasks@'), may };
}

export interface PostgresRole {
  /** The address of the database, with the name of the role. */
  readonly url: string;
  /** Executes statements as the owner of the database. */
  readonly may: (...statements: string[]) => Promise<void>;
}
