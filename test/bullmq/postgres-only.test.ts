import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { enqueued, startDurable, untilReady } from '../support/durable.js';
import { preparePostgres } from '../support/postgres.js';
import { useServer } from '../support/servers.js';
import { until } from '../support/until.js';

describe('B32 · on PostgreSQL', () => {
  const server = useServer(preparePostgres);

  it('a connection that the database ends by itself is no outage', async () => {
    const durable = await startDurable({ server: server() });
    await untilReady(durable);
    const client = new pg.Client({ connectionString: server().url });
    await client.connect();
    onTestFinished(() => client.end());
    const others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    const { rows: ended } = await client.query<{ pid: number }>(`SELECT pid, pg_terminate_backend(pid) ${others}`);

    const isReplaced = async () => {
      const { rows } = await client.query<{ pid: number }>(`SELECT pid ${others}`);
      return rows.length > 0 && rows.every(({ pid }) => !ended.some((one) => one.pid === pid));
    };
    await until('the connections are replaced', isReplaced);
    await durable.backend.accept([enqueued('send')]);

    expect(ended.length).toBeGreaterThan(0);
    expect(durable.logs.errors).toEqual([]);
  });
});
