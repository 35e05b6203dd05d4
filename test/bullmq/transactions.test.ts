import { describe, expect, it, onTestFinished } from 'vitest';
import { BullMqBackgroundTasksModule, BullMqHealth } from '../../src/bullmq/index.js';
import type { BackgroundTasksError } from '../../src/index.js';
import { preparePostgres } from '../support/postgres.js';
import { prepareRedis } from '../support/redis.js';
import { useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { Note, openPool, startNotes } from '../support/transaction-app.js';
import { until } from '../support/until.js';

describe('B39 · enqueueWithin()', () => {
  const server = useServer(preparePostgres);

  it('has the task run within a second of the commit, however long the transaction was open', async () => {
    const { run, ran, within } = await startNotes(server());
    let committingAt = 0;

    await within(async (client, tasks) => {
      await tasks.enqueueWithin(client, Note, 'mine');
      await run((others) => others.enqueue(Note, 'of others'));
      await ran.until('of others');
      committingAt = performance.now();
    });
    await ran.until('mine');

    expect(performance.now() - committingAt).toBeLessThan(1_000);
    expect(ran.events).toEqual(['of others', 'mine']);
  });

  it('runs the tasks of one transaction in their order, ten thousand of them too', async () => {
    const { ran, within } = await startNotes(server(), { worker: { concurrency: 1 }, removeOnComplete: true });
    const payloads = Array.from({ length: 10_000 }, (_, index) => String(index));

    await within(async (client, tasks) => {
      for (const payload of payloads) await tasks.enqueueWithin(client, Note, payload);
    });
    await ran.until('9999');

    expect(ran.events).toEqual(payloads);
  }, 180_000);

  it('belongs to the savepoint in which it was called', async () => {
    const { ran, within } = await startNotes(server());

    await within(async (client, tasks) => {
      await client.query('SAVEPOINT undone');
      await tasks.enqueueWithin(client, Note, 'undone');
      await client.query('ROLLBACK TO SAVEPOINT undone');
      await client.query('SAVEPOINT kept');
      await tasks.enqueueWithin(client, Note, 'kept');
      await client.query('RELEASE SAVEPOINT kept');
    });
    await ran.until('kept');

    expect(ran.events).toEqual(['kept']);
  });

  it('rejects in a transaction that has failed, with the error of the database, and counts no task', async () => {
    const { within, host } = await startNotes(server());

    const enqueueing = within(async (client, tasks) => {
      await client.query('SELECT 1 / 0').catch(() => undefined);
      await tasks.enqueueWithin(client, Note, 'never');
    });

    await expect(enqueueing).rejects.toMatchObject({ code: '25P02' });
    expect(host.stats().accepted).toBe(0);
  });

  it.each(["'shop', 'public'", "''", '"$user", pg_temp'])('leaves search_path %s as it was', async (path) => {
    const { ran, within } = await startNotes(server());

    const [before, after] = await within(async (client, tasks) => {
      await client.query('CREATE SCHEMA IF NOT EXISTS shop');
      await client.query(`SET LOCAL search_path TO ${path}`);
      const show = async () => (await client.query<{ search_path: string }>('SHOW search_path')).rows[0]!.search_path;
      const given = await show();
      await tasks.enqueueWithin(client, Note, 'one', { idempotencyKey: path });
      return [given, await show()];
    });
    await ran.until('one');

    expect(after).toBe(before);
  });

  it('does not change other settings of the connection, and leaves no temporary table and no prepared statement', async () => {
    const { within } = await startNotes(server());
    const state = `SELECT (SELECT json_agg(s ORDER BY name) FROM pg_settings s WHERE name NOT LIKE 'plan_cache%') AS settings,
      (SELECT count(*) FROM pg_class WHERE relpersistence = 't') AS temporary, (SELECT count(*) FROM pg_prepared_statements) AS prepared`;

    const [before, after] = await within(async (client, tasks) => {
      // The first call of any function in PL/pgSQL loads that language, with settings of its own.
      await tasks.enqueueWithin(client, Note, 'first');
      const { rows: earlier } = await client.query<object>(state);
      await tasks.enqueueWithin(client, Note, 'one', { idempotencyKey: 'settings' });
      return [earlier, (await client.query<object>(state)).rows];
    });

    expect(after).toEqual(before);
  });

  it('takes part in SERIALIZABLE transactions that are tried again', async () => {
    const { ran, pool, within } = await startNotes(server());
    await pool.query('CREATE TABLE stock (left_over integer); INSERT INTO stock VALUES (20)');
    const failures: unknown[] = [];
    const takeOne = async (payload: string): Promise<void> => {
      try {
        await within(async (client, tasks) => {
          const { rows } = await client.query<{ left_over: number }>('SELECT left_over FROM stock');
          await tasks.enqueueWithin(client, Note, payload);
          await client.query('UPDATE stock SET left_over = $1', [rows[0]!.left_over - 1]);
        }, 'BEGIN ISOLATION LEVEL SERIALIZABLE');
      } catch (error) {
        failures.push((error as { code: unknown }).code);
        if (failures.length < 1_000) await takeOne(payload);
      }
    };
    const payloads = Array.from({ length: 20 }, (_, index) => `order ${index}`);

    await Promise.all(payloads.map(takeOne));
    await until('all ran', () => ran.events.length >= 20);

    expect(ran.events.toSorted()).toEqual(payloads.toSorted());
    expect((await pool.query('SELECT * FROM stock')).rows).toEqual([{ left_over: 0 }]);
    expect(new Set(failures)).toEqual(new Set(['40001']));
  });

  it('makes no SERIALIZABLE transaction fail that shares no data with others', async () => {
    const { ran, within } = await startNotes(server());
    const payloads = Array.from({ length: 40 }, (_, index) => String(index));

    await Promise.all(
      payloads.map((payload) =>
        within((client, tasks) => tasks.enqueueWithin(client, Note, payload), 'BEGIN ISOLATION LEVEL SERIALIZABLE'),
      ),
    );
    await until('all ran', () => ran.events.length >= 40);

    expect(ran.events.toSorted()).toEqual(payloads.toSorted());
  });

  it('takes the retry of the task, and BullMQ’s own options', async () => {
    const { ran, within, backend } = await startNotes(server(), { worker: false, removeOnComplete: { age: 3_600 } });

    const { id } = await within((client, tasks) =>
      tasks
        .with({ retry: { attempts: 7, delayMs: 5 } })
        .enqueueWithin(client, Note, 'later', { bullmq: { delay: 60_000, priority: 3, lifo: true } }),
    );
    const job = await backend.queue.getJob(`t${id}`);

    expect(job!.opts).toMatchObject({ attempts: 7, delay: 60_000, priority: 3, lifo: true });
    expect(await job!.getState()).toBe('delayed');
    expect(ran.events).toEqual([]);
  });

  it('stores the same job as enqueue() does', async () => {
    const { run, within, backend } = await startNotes(server(), { worker: false });
    const settings = { bullmq: { delay: 5_000, priority: 2, deduplication: { id: 'one', ttl: 1 } } };
    const plain = await run((tasks) => tasks.enqueue(Note, 'x', settings));
    await plain.settled;
    await until('its deduplication is over', async () => (await backend.queue.getDeduplicationJobId('one')) === null);

    const inserted = await within((client, tasks) => tasks.enqueueWithin(client, Note, 'x', settings));

    const [one, other] = await Promise.all([plain, inserted].map(({ id }) => backend.queue.getJob(`t${id}`)));
    const comparable = (job: typeof one) => {
      const { id: _, timestamp: _at, data, opts, ...rest } = job!.asJSON();
      const { id: _id, ...envelope } = JSON.parse(data) as { id: string };
      const { jobId: _job, timestamp: _moment, ...options } = opts as Record<string, unknown>;
      return { ...rest, envelope, options };
    };
    expect(comparable(other)).toEqual(comparable(one));
  });

  it('has one job for an idempotency key, also of transactions that race, and the next one’s if the first rolls back', async () => {
    const { ran, within, pool } = await startNotes(server());
    const enqueue = (payload: string, fate: 'commit' | 'roll back') =>
      within(async (client, tasks) => {
        await tasks.enqueueWithin(client, Note, payload, { idempotencyKey: 'order-1' });
        await until('the other waits for this one', async () => (await pool.query(BLOCKED)).rowCount! > 0);
        if (fate === 'roll back') throw new Error('no');
      });
    const second = (payload: string) =>
      within((client, tasks) => tasks.enqueueWithin(client, Note, payload, { idempotencyKey: 'order-1' }));
    const begun = enqueue('first', 'roll back').catch(() => undefined);
    await until('the first has its key', async () => (await pool.query(LOCKED)).rowCount! > 0);
    const racing = second('second');

    await Promise.all([begun, racing]);
    await ran.until('second');
    await second('third');
    await within((client, tasks) => tasks.enqueueWithin(client, Note, 'last'));
    await ran.until('last');

    expect(ran.events).toEqual(['second', 'last']);
  });

  it('runs one task for fifty transactions with one key that commit at once', async () => {
    const { ran, within } = await startNotes(server());
    const payloads = Array.from({ length: 50 }, (_, index) => String(index));

    await Promise.all(
      payloads.map((payload) =>
        within((client, tasks) => tasks.enqueueWithin(client, Note, payload, { idempotencyKey: 'same' })),
      ),
    );
    await within((client, tasks) => tasks.enqueueWithin(client, Note, 'last'));
    await ran.until('last');

    expect(ran.events).toHaveLength(2);
  });

  it('checks the payload, the options and the name as enqueue() does, before the database is asked', async () => {
    const { run } = await startNotes(server());
    const never = { query: () => Promise.reject(new Error('asked')) };

    const wrong = [
      run((tasks) => tasks.enqueueWithin(never, Note, new Date() as never)),
      run((tasks) => tasks.enqueueWithin(never, Note, 'x', { idempotencyKey: '' })),
      run((tasks) => tasks.enqueueWithin(never, Note, 'x', { bullmq: { priority: -1 } })),
      run((tasks) => tasks.enqueueWithin(never, undefined as never, 'x')),
      run((tasks) => tasks.enqueueWithin(undefined as never, Note, 'x')),
    ].map((refused) => refused.catch((error: unknown) => (error as BackgroundTasksError).code));

    expect(await Promise.all(wrong)).toEqual(['INVALID_PAYLOAD', ...Array.from({ length: 4 }, () => 'INVALID_OPTION')]);
  });

  it('names the mistake where the transaction is on another database', async () => {
    const { run, pool } = await startNotes(server());
    await pool.query('CREATE DATABASE elsewhere');
    const elsewhere = openPool(server().url.replace(/\/postgres$/, '/elsewhere'));
    const client = await elsewhere.connect();
    onTestFinished(() => client.release());
    await client.query('BEGIN');

    const enqueueing = run((tasks) => tasks.enqueueWithin(client, Note, 'x'));

    await expect(enqueueing).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: /no schema "bullmq"/ });
  });

  it('is reported by health and one log line at start-up where BullMQ has no such function', async () => {
    await (await startNotes(server())).app.close();
    const pool = openPool(server().url);
    const move = (from: string, to: string) => pool.query(`ALTER FUNCTION bullmq.${from} RENAME TO ${to}`);
    await move('add_job', 'elsewhere');

    const { app, logs, within } = await startNotes(server());
    const health = await app.get(BullMqHealth).check();
    const error: unknown = await within((client, tasks) => tasks.enqueueWithin(client, Note, 'x')).catch(
      (e: unknown) => e,
    );
    await move('elsewhere', 'add_job');

    expect(health).toMatchObject({ status: 'down', reasons: [expect.stringContaining('add_job')] });
    expect(logs.errors).toEqual([expect.stringContaining('add_job')]);
    expect(error).toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: /add_job\(\)/ });
  });

  it('tells of groups at start-up, and takes other tasks, where BullMQ has no such function for them', async () => {
    await (await startNotes(server())).app.close();
    const pool = openPool(server().url);
    const move = (from: string, to: string) => pool.query(`ALTER FUNCTION bullmq.${from} RENAME TO ${to}`);
    await move('add_flow', 'elsewhere');

    const { app, logs, within, ran } = await startNotes(server());
    const health = await app.get(BullMqHealth).check();
    await within((client, tasks) => tasks.enqueueWithin(client, Note, 'x'));
    await ran.until('x');
    await move('elsewhere', 'add_flow');

    expect(health).toMatchObject({ status: 'degraded', reasons: [expect.stringContaining('refuses groups of tasks')] });
    expect(logs.warnings).toEqual([expect.stringContaining('add_flow')]);
  });

  it('fails the transaction of the caller while the database is away, and nothing else', async () => {
    const { ran, within, pool } = await startNotes(server());
    const failing = within(async (client, tasks) => {
      client.on('error', () => undefined);
      await tasks.enqueueWithin(client, Note, 'lost');
      await server().kill();
      await tasks.enqueueWithin(client, Note, 'lost as well');
    });
    await expect(failing).rejects.not.toHaveProperty('code', 'BACKEND_UNAVAILABLE');
    await server().start();
    await until('it takes connections', () =>
      pool.query('SELECT 1').then(
        () => true,
        () => false,
      ),
    );
    await within((inner, tasks) => tasks.enqueueWithin(inner, Note, 'after'));
    await ran.until('after');

    expect(ran.events).toEqual(['after']);
  });
});

describe('B39 · a backend without transactions', () => {
  const redis = useServer(() => prepareRedis());

  it('refuses: BullMQ on Redis, and this process', async () => {
    const bullMq = BullMqBackgroundTasksModule.forRoot({ connection: redis().url, worker: false });
    const refusalOf = async (imports: unknown[]) => {
      const { NoteHandler } = await import('../support/note-handler.js');
      const { run, host } = await startContext({ imports: imports as never, providers: [NoteHandler] });
      const never = { query: () => Promise.reject(new Error('asked')) };
      const refused = await run((tasks) => tasks.enqueueWithin(never, Note, 'x')).catch((error: unknown) => error);
      expect(host.stats().accepted).toBe(0);
      return refused;
    };

    const code = 'TRANSACTIONS_UNSUPPORTED';
    expect(await refusalOf([bullMq])).toMatchObject({ code, message: /BullMQ on Redis/ });
    expect(await refusalOf([])).toMatchObject({ code, message: /InProcessBackend/ });
  });
});

/** A transaction that waits for another to end. */
const BLOCKED = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`;
/** A transaction that has added a job with a key, and its id to the log of that. */
const LOCKED = `SELECT FROM pg_stat_activity WHERE state LIKE 'idle in%' AND query LIKE '%bullmq.job_log%'`;
