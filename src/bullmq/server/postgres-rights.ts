import { createPostgresBackend, type PgPool, Queue } from 'bullmq';
import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { NewJob } from './new-job.js';
import { insertJobs } from './postgres-transaction.js';
import { failureReason } from './failure-reason.js';
import type { TaskQueue } from './queue-server.js';

/**
 * Adds a task as BullMQ does, and takes it back: nobody sees it. Resolves with what else the role may not do. Rejects
 * with the reason why no task can be added.
 *
 * `freeKeys` frees no key: it checks the rights to do so.
 */
export async function addAndTakeBack(
  client: PoolClient,
  queueName: string,
  isWorker: boolean,
  freeKeys: () => Promise<unknown>,
): Promise<readonly string[]> {
  const queue = new Queue(queueName, { connection: poolOf(client), skipMetasUpdate: true }, createPostgresBackend);
  const queues = { get: () => queue as unknown as TaskQueue };
  const insert = (...jobs: NewJob[]) => insertJobs((sql, json) => client.query(sql, [json]), queues, jobs);
  queue.on('error', () => undefined);
  /** Does what only some tasks need. Resolves with a sentence if it is refused. */
  const refusal = async (what: string, work: () => Promise<unknown>) => {
    await client.query('SAVEPOINT probe');
    try {
      await work();
      return undefined;
    } catch (error) {
      await client.query('ROLLBACK TO SAVEPOINT probe');
      return `PostgreSQL ${what} (${failureReason(error)}).`;
    }
  };
  await client.query('BEGIN');
  try {
    await queue.add('probe', {}, { jobId: `t${randomUUID()}` });
    const found = [
      await refusal('refuses several tasks at a time', () => assertMay(client, TO_ADD_SEVERAL, [queueName])),
      await refusal('refuses tasks with an idempotency key', freeKeys),
      await refusal('refuses tasks within a transaction', () => insert(probeJob(queueName))),
      await refusal('refuses groups of tasks', () => insert(...probeGroup(queueName))),
      isWorker ? await refusal('does not let the worker work', () => assertMay(client, TO_WORK)) : undefined,
    ];
    return found.filter((sentence) => sentence !== undefined);
  } finally {
    await client.query('ROLLBACK');
    await queue.close();
  }
}

function probeJob(queue: string): NewJob {
  const jobId = `t${randomUUID()}`;
  const data = { v: 1, name: 'probe', id: jobId, payload: null, context: {} } as const;
  return { queue, name: 'probe', data, opts: { jobId } };
}

function probeGroup(queue: string): NewJob[] {
  const last = probeJob(queue);
  return [
    { ...last, isParent: true },
    { ...probeJob(queue), parent: { queue, id: last.opts.jobId } },
  ];
}

/** Whether the database answered, so that the connection can still be used. */
export function isAnswer(error: unknown): boolean {
  return typeof (error as { readonly severity?: unknown }).severity === 'string';
}

/** Rejects with the rights that the role lacks, which the query finds. */
async function assertMay(client: PoolClient, query: string, parameters: readonly string[] = []): Promise<void> {
  const { rows } = await client.query<{ missing: string }>(query, [...parameters]);
  if (rows.length === 0) return;
  const named = rows.slice(0, MAX_NAMED).map(({ missing }) => missing);
  if (rows.length > MAX_NAMED) named.push(`${rows.length - MAX_NAMED} more`);
  throw new Error(`its role lacks ${named.join(', ')}`);
}

/** Wraps one connection for BullMQ. */
function poolOf(client: PoolClient): PgPool {
  const query = (text: string, params?: unknown[]) => client.query(text, params);
  const pool = {
    options: {},
    query,
    connect: () => Promise.resolve({ query, release: () => undefined }),
    end: () => Promise.resolve(),
    on: () => pool,
    removeAllListeners: () => pool,
  };
  return pool as unknown as PgPool;
}

/**
 * Finds what a role lacks for several tasks at a time: BullMQ lays them in a temporary table, and makes a sequence for
 * the queue if there is none. Not tried, because temporary tables are no small thing for a database.
 */
const TO_ADD_SEVERAL = `
  SELECT 'CREATE on the schema bullmq' AS missing
    WHERE to_regclass('bullmq.bullmq_jid_' || md5($1)) IS NULL AND NOT has_schema_privilege('bullmq', 'CREATE')
  UNION ALL SELECT 'TEMPORARY on the database' WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')`;

/** Finds what a role lacks of BullMQ's tables, sequences and functions, all of which a worker uses. */
const TO_WORK = `
  SELECT format('%s on %s', privilege, relname) AS missing
    FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
    WHERE relnamespace = 'bullmq'::regnamespace AND relkind = 'r' AND relname <> 'migration'
      AND NOT has_table_privilege(pg_class.oid, privilege)
  UNION ALL SELECT format('USAGE on %s', relname)
    FROM pg_sequence JOIN pg_class ON seqrelid = pg_class.oid
    WHERE relnamespace = 'bullmq'::regnamespace AND NOT has_sequence_privilege(seqrelid, 'USAGE')
  UNION ALL SELECT format('EXECUTE on %s', proname)
    FROM pg_proc
    WHERE pronamespace = 'bullmq'::regnamespace AND NOT has_function_privilege(oid, 'EXECUTE')
  ORDER BY missing`;

/** Rights that one line names. */
const MAX_NAMED = 5;
