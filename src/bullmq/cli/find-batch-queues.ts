import type { PostgresAddress, RedisAddress, ResolvedBullMqOptions } from '../options/resolve-bullmq-options.js';
import { queueOfBatches } from '../server/task-queues.js';

/** Finds the queues of tasks that run in batches, of which no handler tells here. */
export function findBatchQueues({ server, queueName }: ResolvedBullMqOptions): Promise<string[]> {
  const beginning = queueOfBatches(queueName, '');
  return server.kind === 'Redis' ? inRedis(server, beginning) : inPostgres(server, beginning);
}

async function inRedis({ connection, prefix }: RedisAddress, beginning: string): Promise<string[]> {
  const { failFast, newClient } = await import('../server/redis-client.js');
  const client = newClient(connection, failFast);
  // The command that fails says the same.
  client.on('error', () => undefined);
  const found = new Set<string>();
  const pattern = `${`${prefix}:${beginning}`.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)}*:meta`;
  try {
    await client.connect();
    let cursor = '0';
    do {
      const [next, keys] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', KEYS_AT_A_TIME);
      for (const key of keys) found.add(key.slice(prefix.length + 1, -':meta'.length));
      cursor = next;
    } while (cursor !== '0');
  } finally {
    client.disconnect();
  }
  return [...found].toSorted();
}

async function inPostgres({ postgres }: PostgresAddress, beginning: string): Promise<string[]> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: postgres });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const text = 'SELECT DISTINCT queue FROM bullmq.meta WHERE starts_with(queue, $1) ORDER BY queue';
    const { rows } = await client.query<{ queue: string }>(text, [beginning]);
    return rows.map(({ queue }) => queue);
  } finally {
    await client.end();
  }
}

const KEYS_AT_A_TIME = 1_000;
