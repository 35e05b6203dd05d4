import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BullMqHealth } from '../../src/bullmq/index.js';
import { degraded, healthOnceAccepted, outage, outageOf, up } from '../support/agreement.js';
import { type DurableApp, enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { preparePostgres } from '../support/postgres.js';
import { postgresAdmin, postgresRole, type PostgresRole } from '../support/postgres-role.js';
import { useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const ALL = [
  'GRANT USAGE, CREATE ON SCHEMA bullmq TO tasks',
  'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bullmq TO tasks',
  'GRANT USAGE ON ALL SEQUENCES IN SCHEMA bullmq TO tasks',
];

const rightsToAdd = [
  { right: 'INSERT', lacks: ['REVOKE INSERT ON bullmq.job FROM tasks'], says: 'permission denied for table job' },
  {
    right: 'to use a sequence',
    lacks: ['REVOKE USAGE ON SEQUENCE bullmq.job_seq FROM tasks'],
    says: 'permission denied for sequence job_seq',
  },
  {
    right: 'to use the schema',
    lacks: ['REVOKE USAGE ON SCHEMA bullmq FROM tasks'],
    says: 'permission denied for schema bullmq',
  },
  {
    right: 'to read which version the tables have',
    lacks: ['REVOKE SELECT ON bullmq.migration FROM tasks'],
    says: 'permission denied for table migration',
  },
  {
    right: 'EXECUTE',
    lacks: ['REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA bullmq FROM PUBLIC'],
    says: 'permission denied for function add_job',
  },
];

describe('B32 · a role of PostgreSQL without the right to add a task', () => {
  const server = useServer(preparePostgres);

  it.each(rightsToAdd)('refuses tasks from the start, and names the right: $right', async ({ lacks, says }) => {
    const role = await postgresRole(server().url, ...ALL, ...lacks);
    onTestFinished(() => allowAll(server().url));
    const durable = await startAs(role);

    expect(await outageOf(durable, says)).toEqual(outage(says));
    await allowAll(server().url);
    expect(await healthOnceAccepted(durable)).toEqual(up);
  });

  it.each(rightsToAdd)('is found by health before a task is refused: $right', async ({ lacks, says }) => {
    const role = await postgresRole(server().url, ...ALL);
    onTestFinished(() => allowAll(server().url));
    const durable = await startAs(role);
    await untilReady(durable);
    await role.may(...lacks);

    const health = await durable.app.get(BullMqHealth).check();

    expect(health).toEqual({ status: 'down', reasons: [expect.stringContaining(says)] });
    expect(await outageOf(durable, says)).toEqual(outage(says));
    await allowAll(server().url);
    expect(await healthOnceAccepted(durable)).toEqual(up);
  });

  it('refuses tasks when it is taken away, and logs one line', async () => {
    const role = await postgresRole(server().url, ...ALL);
    const durable = await startAs(role);
    await untilReady(durable);
    await durable.backend.accept([enqueued('send')]);
    await role.may('REVOKE INSERT ON bullmq.job FROM tasks');

    await expect(durable.backend.accept([enqueued('send')])).rejects.toThrow(/not confirmed by PostgreSQL/);
    const says = 'permission denied for table job';
    expect(await outageOf(durable, says)).toEqual(outage(says));
    await allowAll(server().url);
    expect(await healthOnceAccepted(durable)).toEqual(up);
  });

  it.each([
    {
      why: 'transactions of its role only read',
      begin: 'ALTER ROLE tasks SET default_transaction_read_only = on',
      end: 'ALTER ROLE tasks RESET default_transaction_read_only',
      says: 'it is read-only, and refuses tasks (cannot execute',
    },
    {
      why: 'its role may not connect',
      begin: 'ALTER ROLE tasks NOLOGIN',
      end: 'ALTER ROLE tasks LOGIN',
      says: 'role "tasks" is not permitted to log in',
    },
  ])('refuses tasks with the reason: $why', async ({ begin, end, says }) => {
    const role = await postgresRole(server().url, ...ALL, begin);
    const durable = await startAs(role);

    expect(await outageOf(durable, says)).toEqual(outage(says));
    await role.may(end);
    await cutConnections(server().url);
    expect(await healthOnceAccepted(durable)).toEqual(up);
  });
});

describe('B32 · a role of PostgreSQL that may not create tables, with migrate: true', () => {
  const server = useServer(preparePostgres);

  it('refuses tasks with the reason, until it may', async () => {
    const role = await postgresRole(server().url);
    await role.may('DROP SCHEMA bullmq CASCADE');
    const durable = await startAs(role, undefined, true);

    const says = "let this role create BullMQ's tables (permission denied for database postgres): call migrateBullMq()";
    expect(await outageOf(durable, says)).toEqual(outage(says));
    await role.may('GRANT CREATE ON DATABASE postgres TO tasks');
    expect(await healthOnceAccepted(durable)).toEqual(up);
    await role.may('DROP OWNED BY tasks');
  });

  it('takes tasks if they are there', async () => {
    const role = await postgresRole(server().url, ...ALL);
    const durable = await startAs(role, undefined, true);

    expect(await healthOnceAccepted(durable)).toEqual(up);
  });
});

describe('B32 · a PostgreSQL that takes tasks is degraded', () => {
  const server = useServer(preparePostgres);

  it('if its role may not free idempotency keys, and says so once', async () => {
    const role = await postgresRole(server().url, ...ALL, 'REVOKE DELETE ON bullmq.job FROM tasks');
    const durable = await startAs(role);

    expect(await healthOnceAccepted(durable)).toEqual(
      degraded('refuses tasks with an idempotency key (permission denied for table job)'),
    );
    expect(durable.logs.errors).toEqual([]);
    for (const idempotencyKey of ['a', 'b', 'c']) {
      await expect(durable.backend.accept([enqueued('send', { idempotencyKey })])).rejects.toThrow(/permission denied/);
    }
    await durable.backend.accept([enqueued('send')]);
    await until('the refusal is logged', () => durable.logs.warnings.some((line) => line.includes('refused a task')));

    expect(durable.logs.errors).toEqual([]);
    expect(durable.logs.warnings.filter((line) => line.includes('with an idempotency key'))).toHaveLength(1);
    expect(durable.logs.warnings.filter((line) => line.includes('refused a task'))).toHaveLength(1);
  });

  it.each([
    { lacks: 'REVOKE CREATE ON SCHEMA bullmq FROM tasks', says: 'CREATE on the schema bullmq' },
    { lacks: 'REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC', says: 'TEMPORARY on the database' },
  ])('if its role may not add several tasks at a time: $says', async ({ lacks, says }) => {
    const role = await postgresRole(server().url, ...ALL, lacks);
    onTestFinished(() => role.may('GRANT TEMPORARY ON DATABASE postgres TO PUBLIC'));
    const durable = await startAs(role);

    expect(await healthOnceAccepted(durable)).toEqual(
      degraded(`refuses several tasks at a time (its role lacks ${says})`),
    );
    expect(durable.logs.errors).toEqual([]);
    const batch = durable.backend.accept([enqueued('send'), enqueued('send')]);
    await expect(batch).rejects.toThrow(/permission denied/);
    await durable.backend.accept([enqueued('send')]);
    await role.may('GRANT TEMPORARY ON DATABASE postgres TO PUBLIC', 'GRANT CREATE ON SCHEMA bullmq TO tasks');
    await durable.backend.accept([enqueued('send'), enqueued('send')]);
    expect(await healthOnceAccepted(durable)).toEqual(up);
  });

  it('if its role may not do what the worker does, and says so once', async () => {
    const role = await postgresRole(server().url, ...ALL, 'REVOKE UPDATE ON bullmq.job FROM tasks');
    const runner = new RecordedRunner().handle('send');
    const durable = await startAs(role, runner);
    await until('the worker was refused', () => durable.logs.errors.length > 0);

    const { status, reasons } = await durable.app.get(BullMqHealth).check();

    expect(status).toBe('degraded');
    expect(reasons).toEqual([
      expect.stringContaining('with an idempotency key'),
      expect.stringContaining('refuses groups of tasks (permission denied for table job)'),
      expect.stringContaining('does not let the worker work (its role lacks UPDATE on job)'),
      expect.stringContaining('has taken no task since: permission denied for table job'),
    ]);
    await allowAll(server().url);
    await durable.backend.accept([enqueued('send')]);
    await runner.ran(1);
    expect(await healthOnceAccepted(durable)).toEqual(up);
    expect(durable.logs.errors).toHaveLength(1);
  });
});

it('B32 · a PostgreSQL that is slow to answer health, and takes tasks meanwhile, is not down', async () => {
  const server = await preparePostgres();
  onTestFinished(() => server.remove());
  await server.start();
  const durable = await startDurable({ server });
  await untilReady(durable);
  const admin = await postgresAdmin(server.url);
  await admin.query(`
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(10); RETURN NEW; END $$;
    CREATE TRIGGER wait BEFORE INSERT ON bullmq.job FOR EACH ROW WHEN (NEW.name = 'probe') EXECUTE FUNCTION wait()`);

  let isOver = false;
  const health = durable.app.get(BullMqHealth).check();
  void health.finally(() => (isOver = true));
  while (!isOver) await durable.backend.accept([enqueued('send')]);

  expect(await health).toEqual({ status: 'degraded', reasons: [expect.stringContaining('is slow')] });
  expect(durable.backend.unavailableBecause).toBeUndefined();
  expect(durable.logs.errors).toEqual([]);
});

it('B32 · asking for the health of a PostgreSQL leaves nothing there', async () => {
  const server = await preparePostgres();
  onTestFinished(() => server.remove());
  await server.start();
  const durable = await startDurable({ server, worker: {}, runner: new RecordedRunner() });
  await untilReady(durable);
  const admin = await postgresAdmin(server.url);
  await admin.query('LISTEN bullmq_jobs');
  const notified: pg.Notification[] = [];
  admin.on('notification', (notification) => notified.push(notification));

  await durable.app.get(BullMqHealth).check();

  const { rows } = await admin.query('SELECT id FROM bullmq.job UNION ALL SELECT id::text FROM bullmq.event');
  expect(rows).toEqual([]);
  expect(notified).toEqual([]);
});

function startAs(role: PostgresRole, runner?: RecordedRunner, migrate = false): Promise<DurableApp> {
  const server = { options: { postgres: role.url, migrate } as never };
  return startDurable({ server, ...(runner && { runner, worker: {} }) });
}

async function allowAll(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of [...ALL, 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bullmq TO PUBLIC']) {
    await client.query(statement);
  }
  await client.end();
}

/** Settings of a role hold for connections that are made after them. */
async function cutConnections(url: string): Promise<void> {
  const admin = await postgresAdmin(url);
  await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tasks'");
}
