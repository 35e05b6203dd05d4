import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
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

describe('B41 · on PostgreSQL', () => {
  const server = useServer(preparePostgres);

  it('leaves no listener behind when somebody has watched', async () => {
    const warnings: string[] = [];
    const listen = ({ name }: Error) => void warnings.push(name);
    process.on('warning', listen);
    onTestFinished(() => void process.off('warning', listen));
    const durable = await startDurable({ server: server() });
    await untilReady(durable);

    // Node warns of the eleventh, and tells of it in a later turn.
    for (let time = 0; time < 12; time++) {
      const end = durable.backend.watchTasks(() => undefined);
      await setImmediate();
      end();
    }

    expect(warnings).not.toContain('MaxListenersExceededWarning');
  });
});

describe('B33 · on PostgreSQL', () => {
  const server = useServer(preparePostgres);

  it('a task that a worker does not know and cannot put aside is neither lost nor counted as an attempt', async () => {
    const worker = { lockDurationMs: 200, stalledIntervalMs: 100 };
    const durable = await startDurable({ server: server(), runner: new RecordedRunner().handle('old'), worker });
    await untilReady(durable);
    const client = new pg.Client({ connectionString: server().url });
    await client.connect();
    onTestFinished(() => client.end());
    await client.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON bullmq.job FOR EACH ROW
        WHEN (NEW.state = 'delayed') EXECUTE FUNCTION refuse()`);
    const task = enqueued('new', { settings: { attempts: 1 } });

    await durable.backend.accept([task]);
    await until('it was refused', () => durable.logs.errors.some((line) => line.includes('not now')));
    await client.query('DROP TRIGGER refuse ON bullmq.job');
    await until('it is put aside', async () => (await durable.backend.queue.getDelayedCount()) === 1);

    const job = await durable.backend.queue.getJob(`t${task.envelope.id}`);
    expect(job!.attemptsMade).toBe(0);
  });
});
