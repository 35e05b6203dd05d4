import { Controller, HttpException, Param, Post } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule } from '../../src/bullmq/index.js';
import {
  type BackgroundTasks,
  BackgroundTasksHost,
  defineTask,
  type Handles,
  provideResource,
  Resource,
  TaskHandler,
  Tasks,
} from '../../src/index.js';
import { platforms, startApp } from '../support/platforms.js';
import { preparePostgres } from '../support/postgres.js';
import { useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { openPool } from '../support/transaction-app.js';
import { Timeline } from '../support/timeline.js';

const Invoice = defineTask<string>({ name: 'invoice' });
const Skipped = defineTask<string>({ name: 'skipped', onAbort: 'skip' });
const Audit = defineTask<string>({ name: 'audit', runOn: 'always' });

class Session {
  constructor(readonly client: pg.PoolClient) {}
}
class OtherSession extends Session {}

describe.each(platforms)("B39 · a 'before-response' resource with a transaction on $name", (platform) => {
  const server = useServer(preparePostgres);

  /** Orders are rows whose id may be given only once, which is checked when the transaction commits. */
  async function start({ queueUrl = server().url }: { readonly queueUrl?: string } = {}) {
    const pool = openPool(server().url);
    await pool.query(`
      DROP TABLE IF EXISTS orders;
      CREATE TABLE orders (id text CONSTRAINT one UNIQUE DEFERRABLE INITIALLY DEFERRED)`);
    const ran = new Timeline();
    const seen = new Timeline();
    const sessionOf = (provide: typeof Session, inject: (typeof Session)[] = []) =>
      provideResource({
        provide,
        inject,
        release: 'before-response',
        transaction: ({ client }: Session) => client,
        async *useFactory() {
          const client = await pool.connect();
          await client.query('BEGIN');
          try {
            yield new provide(client);
            seen.note(`${provide.name}: ${await jobsSeenBy(client)} jobs`);
            await client.query('COMMIT');
          } catch (error) {
            await client.query('ROLLBACK');
            seen.note(`${provide.name}: rolled back`);
            throw error;
          } finally {
            client.release();
          }
        },
      });
    @TaskHandler(Invoice)
    class InvoiceHandler implements Handles<typeof Invoice> {
      run(order: string): void {
        ran.note(`invoice ${order}`);
      }
    }
    @TaskHandler(Audit)
    class AuditHandler implements Handles<typeof Audit> {
      run(order: string): void {
        ran.note(`audit ${order}`);
      }
    }
    @TaskHandler(Skipped)
    class SkippedHandler implements Handles<typeof Skipped> {
      run(): void {}
    }
    @Controller()
    class Orders {
      @Post('orders/:id')
      async order(@Param('id') id: string, @Tasks() tasks: BackgroundTasks, @Resource(Session) session: Session) {
        await session.client.query('INSERT INTO orders VALUES ($1)', [id]);
        tasks.enqueue(Invoice, id);
        tasks.enqueue(Audit, id);
      }

      @Post('refused/:id')
      async refused(@Param('id') id: string, @Tasks() tasks: BackgroundTasks, @Resource(Session) session: Session) {
        await session.client.query('INSERT INTO orders VALUES ($1)', [id]);
        tasks.enqueue(Invoice, id);
        throw new HttpException('refused', 409);
      }

      @Post('aborted/:id')
      async aborted(@Param('id') id: string, @Tasks() tasks: BackgroundTasks, @Resource(Session) session: Session) {
        await session.client.query('SELECT 1 / 0').catch(() => undefined);
        tasks.enqueue(Invoice, id);
      }

      @Post('two/:id')
      two(
        @Param('id') id: string,
        @Tasks() tasks: BackgroundTasks,
        @Resource(Session) _first: Session,
        @Resource(OtherSession) _second: OtherSession,
      ) {
        tasks.enqueue(Invoice, id);
      }
    }
    const queueName = randomUUID();
    const bullMq = BullMqBackgroundTasksModule.forRoot({ postgres: queueUrl, migrate: true, queueName });
    const running = await startApp(platform, {
      imports: [bullMq],
      controllers: [Orders],
      providers: [sessionOf(Session), sessionOf(OtherSession, [Session]), InvoiceHandler, AuditHandler, SkippedHandler],
    });
    const jobsSeenBy = async (client: pg.PoolClient | pg.Pool) => {
      const count = 'SELECT count(*)::int AS jobs FROM bullmq.job WHERE queue = $1';
      return (await client.query<{ jobs: number }>(count, [queueName])).rows[0]!.jobs;
    };
    const post = async (path: string) => (await fetch(`${running.url}/${path}`, { method: 'POST' })).status;
    const { app } = running;
    return { ...running, post, pool, ran, seen, host: app.get(BackgroundTasksHost), jobs: () => jobsSeenBy(pool) };
  }

  it('inserts what the request enqueues just before the commit', async () => {
    const { post, ran, seen, host } = await start();

    expect(await post('orders/one')).toBe(201);
    await ran.until('audit one');

    expect(seen.events).toEqual(['Session: 2 jobs']);
    expect(ran.events).toEqual(['invoice one', 'audit one']);
    expect(host.stats()).toMatchObject({ accepted: 4, enqueued: 2, succeeded: expect.any(Number) as number });
  });

  it('has neither the row nor the task if the commit fails, but what runs always', async () => {
    const { post, ran, pool, logs } = await start();
    await post('orders/twice');
    await ran.until('audit twice');

    expect(await post('orders/twice')).toBe(500);
    await ran.until('audit twice', 2);

    expect(ran.events.toSorted()).toEqual(['audit twice', 'audit twice', 'invoice twice']);
    expect((await pool.query('SELECT * FROM orders')).rows).toHaveLength(1);
    expect(logs.warnings.join()).toContain('"invoice"');
  });

  it('has neither if the handler fails', async () => {
    const { post, pool, jobs, seen } = await start();

    expect(await post('refused/one')).toBe(409);

    expect(seen.events).toEqual(['Session: rolled back']);
    expect((await pool.query('SELECT * FROM orders')).rows).toEqual([]);
    expect(await jobs()).toBe(0);
  });

  it('gives the resource the error if the tasks cannot be inserted, and the client 500', async () => {
    const { post, seen, jobs, host } = await start();

    expect(await post('aborted/one')).toBe(500);

    expect(seen.events).toEqual(['Session: rolled back']);
    expect(await jobs()).toBe(0);
    expect(host.stats()).toMatchObject({ accepted: 1, discarded: 1, waiting: 0, running: 0 });
  });

  it('inserts them in the transaction that exits last, where a request has several', async () => {
    const { post, seen, ran } = await start();

    expect(await post('two/one')).toBe(201);
    await ran.until('invoice one');

    expect(seen.events).toEqual(['OtherSession: 0 jobs', 'Session: 1 jobs']);
  });
});

describe("B39 · a 'before-response' resource with a transaction", () => {
  const server = useServer(preparePostgres);

  it('does the same in a unit of work', async () => {
    const pool = openPool(server().url);
    const queueName = randomUUID();
    const session = provideResource({
      provide: Session,
      release: 'before-response',
      transaction: ({ client }: Session) => client,
      async *useFactory() {
        const client = await pool.connect();
        await client.query('BEGIN');
        yield new Session(client);
        await client.query('ROLLBACK');
        client.release();
      },
    });
    @TaskHandler(Invoice)
    class InvoiceHandler implements Handles<typeof Invoice> {
      run(): void {}
    }
    const { app, scopes } = await startContext({
      imports: [BullMqBackgroundTasksModule.forRoot({ postgres: server().url, migrate: true, queueName })],
      providers: [session, InvoiceHandler],
    });

    const task = await scopes.run(async (scope) => {
      await scope.resolve(Session);
      return scope.tasks.enqueue(Invoice, 'one');
    });

    expect(task.state).toBe('enqueued');
    expect(await app.get(BullMqBackend).queue.getJob(`t${task.id}`)).toBeUndefined();
  });

  it('fails its request with a coded error on a backend that has no transactions', async () => {
    @TaskHandler(Invoice)
    class InvoiceHandler implements Handles<typeof Invoice> {
      run(): void {}
    }
    const released = new Timeline();
    const session = provideResource({
      provide: Session,
      release: 'before-response',
      transaction: ({ client }: Session) => client,
      *useFactory() {
        try {
          yield new Session(undefined as never);
        } catch (error) {
          released.note((error as { code: string }).code);
          throw error;
        }
      },
    });
    const { scopes } = await startContext({ providers: [session, InvoiceHandler] });

    const working = scopes.run(async (scope) => {
      await scope.resolve(Session);
      scope.tasks.enqueue(Invoice, 'one');
    });

    await expect(working).rejects.toMatchObject({ code: 'TRANSACTIONS_UNSUPPORTED' });
    expect(released.events).toEqual(['TRANSACTIONS_UNSUPPORTED']);
  });

  it("is refused where it is defined, unless it is released 'before-response'", () => {
    const define = () =>
      provideResource({
        provide: Session,
        transaction: ({ client }: Session) => client,
        *useFactory() {
          yield new Session(undefined as never);
        },
      });

    expect(define).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});
