import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import {
  BullMqBackend,
  BullMqBackgroundTasksModule,
  type BullMqOptions,
  BullMqSchedules,
} from '../../src/bullmq/index.js';
import { type BackgroundTasks, defineTask, TaskHandler } from '../../src/index.js';
import { type Advice, failureOf, follow, works } from '../support/advice.js';
import { MemoryBackend } from '../support/memory-backend.js';
import { preparePostgres } from '../support/postgres.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import type { TestServer } from '../support/test-server.js';
import { openPool } from '../support/transaction-app.js';
import { withinPg } from '../support/transactions.js';
import { until } from '../support/until.js';

const Report = defineTask<{ text: string }>({ name: 'report' });
@TaskHandler(Report)
class ReportHandler {
  run() {}
}

const daily = (tasks: BackgroundTasks) => tasks.enqueue(Report, { text: 'daily' }, { idempotencyKey: 'today' });

const group = (tasks: BackgroundTasks) => tasks.enqueueGroup([], { then: Report, payload: { text: 'daily' } });

const advice: readonly Advice<TestServer>[] = [
  {
    code: 'BATCH_TOO_LARGE',
    fix: 'Enqueue tasks that load their data themselves',
    apply: async (isFixed, server) => {
      const { scopes, count } = await start(server);
      await scopes.run(({ tasks }) => {
        for (let id = 0; id < 200; id++) tasks.enqueue(Report, { text: isFixed ? String(id) : 'x'.repeat(60_000) });
      });
      expect(await count()).toBe(200);
    },
  },
  {
    code: 'BATCH_TOO_LARGE',
    fix: 'call TaskScopes.run() for each part',
    apply: async (isFixed, server) => {
      const { scopes, count } = await start(server);
      const parts = isFixed ? Array.from({ length: 10 }, () => 600) : [6_000];
      for (const size of parts) {
        await scopes.run(({ tasks }) => {
          for (let id = 0; id < size; id++) tasks.enqueue(Report, { text: String(id) });
        });
      }
      expect(await count()).toBe(6_000);
    },
  },
  {
    code: 'BACKEND_UNAVAILABLE',
    fix: 'Try again later, with the same idempotency key.',
    apply: async (isFixed, server) => {
      const { scopes, count, untilUp, untilDown } = await start(server);
      await scopes.run(({ tasks }) => void daily(tasks));
      await server.stop();
      await untilDown();
      const refused = await failureOf(() => scopes.run(({ tasks }) => void daily(tasks)));
      await server.start();
      if (!isFixed) throw refused as Error;
      await untilUp();
      await scopes.run(({ tasks }) => void daily(tasks));
      expect(await count()).toBe(1);
    },
  },
  {
    code: 'BACKEND_UNAVAILABLE',
    fix: 'It may still run. Try again with the same idempotency key, which makes the retry the same job.',
    apply: async (isFixed, server) => {
      const { scopes, count, untilUp } = await start(server);
      server.freeze();
      const refused = await failureOf(() => scopes.run(({ tasks }) => void daily(tasks)));
      server.thaw();
      if (!isFixed) throw refused as Error;
      await untilUp();
      await scopes.run(({ tasks }) => void daily(tasks));
      expect(await count()).toBe(1);
    },
  },
  {
    code: 'BACKEND_UNAVAILABLE',
    fix: 'Try again later: setting it twice makes one.',
    apply: async (isFixed, server) => {
      const { app, queue, untilUp } = await start(server);
      const set = () => app.get(BullMqSchedules).set('daily', Report, { text: 'daily' }, { pattern: '0 3 * * *' });
      server.freeze();
      const refused = await failureOf(set);
      server.thaw();
      if (!isFixed) throw refused as Error;
      await untilUp();
      await set();
      await set();
      expect(await queue.getJobSchedulersCount()).toBe(1);
    },
  },
  {
    code: 'GROUPS_UNSUPPORTED',
    fix: 'Use BullMqBackgroundTasksModule',
    apply: async (isFixed, server) => {
      const memory = () => startContext({ providers: [ReportHandler], options: { backend: new MemoryBackend() } });
      const { scopes } = isFixed ? await start(server) : await memory();
      await scopes.run(({ tasks }) => void group(tasks));
    },
  },
];

describe.each(servers)('what an error of the durable backend advises works on $kind:', ({ prepare }) => {
  const server = useServer(prepare);

  it.each(advice)('$code: $fix', { timeout: 60_000 }, async (one) => {
    expect(await follow(one, server())).toEqual(works(one));
  });
});

const withTransactions: readonly Advice<TestServer>[] = [
  {
    code: 'TRANSACTIONS_UNSUPPORTED',
    fix: 'Use BullMqBackgroundTasksModule.forRoot({ postgres }), on the database of the transaction.',
    apply: async (isFixed, server) => {
      const { scopes } = isFixed ? await start(server) : await startContext({ providers: [ReportHandler] });
      await withinPg(openPool(server.url), (client) =>
        scopes.run(({ tasks }) => tasks.enqueueWithin(client, Report, { text: 'daily' })),
      );
    },
  },
  {
    code: 'TRANSACTIONS_UNSUPPORTED',
    fix: 'With this backend call enqueue()',
    apply: async (isFixed, server) => {
      const { scopes, host } = await startContext({ providers: [ReportHandler] });
      await withinPg(openPool(server.url), (client) =>
        scopes.run(({ tasks }) =>
          isFixed ? void daily(tasks) : tasks.enqueueWithin(client, Report, { text: 'daily' }),
        ),
      );
      await host.onIdle();
      expect(host.stats().succeeded).toBe(1);
    },
  },
  {
    code: 'BACKEND_UNAVAILABLE',
    fix: 'Give a transaction on the database of the option "postgres", which migrateBullMq() has prepared.',
    apply: async (isFixed, server) => {
      const { scopes, count } = await start(server);
      const pool = openPool(server.url);
      await pool.query('DROP DATABASE IF EXISTS elsewhere');
      await pool.query('CREATE DATABASE elsewhere');
      const url = isFixed ? server.url : server.url.replace(/\/postgres$/, '/elsewhere');
      const other = new pg.Pool({ connectionString: url });
      try {
        await withinPg(other, (client) =>
          scopes.run(({ tasks }) => tasks.enqueueWithin(client, Report, { text: 'daily' })),
        );
      } finally {
        await other.end();
      }
      expect(await count()).toBe(1);
    },
  },
];

describe('what an error of a transaction advises works:', () => {
  const server = useServer(preparePostgres);

  it.each(withTransactions)('$code: $fix', { timeout: 60_000 }, async (one) => {
    expect(await follow(one, server())).toEqual(works(one));
  });
});

/** Starts an application that only enqueues, and waits until the server takes tasks. */
async function start(server: TestServer) {
  const options = { ...server.options, queueName: `advice-${randomUUID()}`, worker: false } as BullMqOptions;
  const { app, scopes } = await startContext({
    imports: [BullMqBackgroundTasksModule.forRoot(options)],
    providers: [ReportHandler],
  });
  const backend = app.get(BullMqBackend);
  const untilUp = () => until('the server takes tasks', () => backend.unavailableBecause === undefined);
  const untilDown = () => until('the server is known to be down', () => backend.unavailableBecause !== undefined);
  await untilUp();
  const { queue } = backend;
  return { app, scopes, queue, untilUp, untilDown, count: () => queue.getWaitingCount() };
}
