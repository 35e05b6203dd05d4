import { Module } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  BullMqBackend,
  BullMqBackgroundTasksModule,
  type BullMqOptions,
  BullMqSchedules,
  type BullMqWorkerOptions,
} from '../../src/bullmq/index.js';
import {
  BackgroundTasksHost,
  BatchError,
  defineTask,
  type Handles,
  type HandlesBatch,
  TaskHandler,
} from '../../src/index.js';
import { Audit, auditProviders, WriteAudit } from '../support/audit.js';
import { deferred } from '../support/deferred.js';
import { preparePostgres } from '../support/postgres.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { openPool } from '../support/transaction-app.js';
import { withinPg } from '../support/transactions.js';
import { until } from '../support/until.js';

/** As many as the tests enqueue together, and more than a worker runs at a time by default. */
const Collect = defineTask<number>({ name: 'collect', batch: { maxSize: 25, maxWaitMs: 10_000 } });
const Ping = defineTask<number>({ name: 'ping' });

@TaskHandler(Collect)
class CollectHandler implements HandlesBatch<typeof Collect> {
  constructor(private readonly audit: Audit) {}

  runBatch(numbers: readonly number[]): void {
    this.audit.note(`collect ${numbers.length}`);
  }
}

@TaskHandler(Ping)
class PingHandler implements Handles<typeof Ping> {
  constructor(private readonly audit: Audit) {}

  run(number: number): void {
    this.audit.note(`ping ${number}`);
  }
}

describe.each(servers)('B40 · batches on $kind', { timeout: 30_000 }, ({ prepare }) => {
  const server = useServer(prepare);

  async function start(queueName: string, worker: BullMqWorkerOptions | false, options: Partial<BullMqOptions> = {}) {
    const bullMq = { ...server().options, queueName, worker, ...options } as BullMqOptions;
    const { app, scopes, logs } = await startContext({
      imports: [BullMqBackgroundTasksModule.forRoot(bullMq)],
      providers: [...auditProviders, CollectHandler, PingHandler],
    });
    const backend = app.get(BullMqBackend);
    await until('the server is ready', () => backend.unavailableBecause === undefined);
    const write = (...numbers: number[]) =>
      scopes.run(({ tasks }) => numbers.map((n) => tasks.enqueue(WriteAudit, { n }, { bullmq: { backoff: 1 } }).id));
    return { app, audit: app.get(Audit), backend, logs, scopes, write };
  }

  /** Two processes that enqueue, and one that works. */
  async function startThree(worker: BullMqWorkerOptions = {}) {
    const queueName = `batches-${randomUUID()}`;
    const webs = [await start(queueName, false), await start(queueName, false)] as const;
    return { webs, worker: await start(queueName, worker) };
  }

  const stateOf = async ({ queue }: { queue: BullMqBackend['queue'] }, id: string) => queue.getJobState(`t${id}`);

  it('hold the tasks of several processes, whatever the concurrency of the worker', async () => {
    const { webs, worker } = await startThree({ concurrency: 1 });

    for (let n = 0; n < 25; n++) await webs[n % 2]!.scopes.run(({ tasks }) => void tasks.enqueue(Collect, n));
    await worker.audit.until('collect 25');

    expect(worker.audit.events).toEqual(['collect 25']);
  });

  it('leave the other tasks of the queue alone, however long one takes', async () => {
    const { webs, worker } = await startThree({ concurrency: 1 });
    const held = deferred();
    worker.audit.act = () => held.promise;

    await webs[0].write(1, 2, 3);
    await worker.audit.until('begin 1,2,3');
    await webs[0].scopes.run(({ tasks }) => void tasks.enqueue(Ping, 1));
    await worker.audit.until('ping 1');
    expect(worker.audit.batches).toEqual([[1, 2, 3]]);
    held.resolve();
    await worker.audit.until('close');
  });

  it('complete each job by itself, and try those again that failed, without the others', async () => {
    const { webs, worker } = await startThree();
    worker.audit.act = ({ entries }) => {
      if (entries.length === 3) throw new BatchError([[entries.indexOf(2), new Error('no second')]]);
    };

    const ids = await webs[0].write(1, 2, 3);
    await worker.audit.until('close', 2);
    const queue = webs[0].backend.queueOf(WriteAudit);
    await until('all are completed', async () => (await queue.getCompletedCount()) === 3);

    expect(worker.audit.batches.map((batch) => batch.toSorted((a, b) => a - b))).toEqual([[1, 2, 3], [2]]);
    const jobs = await Promise.all(ids.map((id) => queue.getJob(`t${id}`)));
    expect(jobs.map((job) => job!.attemptsMade)).toEqual([1, 2, 1]);
    expect(jobs[1]!.stacktrace![0]).toContain('no second');
    expect(await webs[0].backend.queue.getJobCounts('wait', 'active', 'completed', 'failed')).toEqual({
      wait: 0,
      active: 0,
      completed: 0,
      failed: 0,
    });
  });

  it('fail all their jobs with what the handler throws, once no attempt is left', async () => {
    const { webs, worker } = await startThree();
    worker.audit.act = () => {
      throw new Error('no disk');
    };

    await webs[0].write(1, 2, 3);
    const queue = webs[0].backend.queueOf(WriteAudit);
    await until('all have failed', async () => (await queue.getFailedCount()) === 3);

    const reasons = (await queue.getFailed()).map(({ failedReason, attemptsMade }) => [failedReason, attemptsMade]);
    expect(reasons).toEqual(Array.from({ length: 3 }, () => ['no disk', 2]));
  });

  it('keep the locks of all their jobs for as long as they take', async () => {
    const quick = { lockDurationMs: 1_000, stalledIntervalMs: 250 };
    const { webs, worker } = await startThree(quick);
    const held = deferred();
    worker.audit.act = () => held.promise;

    await webs[0].scopes.run(({ tasks }) => {
      for (const n of [1, 2, 3]) tasks.with({ timeoutMs: 20_000 }).enqueue(WriteAudit, { n });
    });
    await worker.audit.until('begin 1,2,3');
    const queue = webs[0].backend.queueOf(WriteAudit);
    const another = await start(webs[0].backend.queue.name, quick);
    // By then each lock has run out twice, unless it was renewed, and the other worker has looked for such.
    await webs[0].scopes.run(({ tasks }) => void tasks.enqueue(Ping, 1, { bullmq: { delay: 2_500 } }));
    await Promise.race([worker, another].map(({ audit }) => audit.until('ping 1')));
    expect(await queue.getActiveCount()).toBe(3);
    held.resolve();
    await until('all are completed', async () => (await queue.getCompletedCount()) === 3);

    expect([worker.audit.batches, another.audit.batches]).toEqual([[[1, 2, 3]], []]);
    expect(worker.logs.errors).toEqual([]);
  });

  it('begin at once when their worker shuts down, and are stored before it ends', async () => {
    const { webs, worker } = await startThree();
    await webs[0].scopes.run(({ tasks }) => void [1, 2].map((n) => tasks.enqueue(Collect, n)));
    await until('the worker holds both', () => worker.app.get(BackgroundTasksHost).stats().waiting === 2);

    await worker.app.close();

    expect(worker.audit.events).toEqual(['collect 2']);
    expect(await webs[0].backend.queueOf(Collect).getCompletedCount()).toBe(2);
  });

  it('take in the jobs that an earlier version left in the queue of all tasks, and those of a schedule', async () => {
    const { webs, worker } = await startThree();
    const envelope = (n: number) => ({ v: 1, name: 'write-audit', id: `old-${n}`, payload: { n }, context: {} });

    await webs[0].backend.queue.addBulk([1, 2].map((n) => ({ name: 'write-audit', data: envelope(n) })));
    await webs[0].app.get(BullMqSchedules).set('audit', WriteAudit, { n: 3 }, { every: 60_000 });
    await worker.audit.until('close');

    expect(worker.audit.batches.map((batch) => batch.toSorted((a, b) => a - b))).toEqual([[1, 2, 3]]);
  });

  it('run once for an idempotency key', async () => {
    const { webs, worker } = await startThree();
    const enqueue = (web: (typeof webs)[number], n: number) =>
      web.scopes.run(({ tasks }) => void tasks.enqueue(WriteAudit, { n }, { idempotencyKey: 'order 7' }));

    await enqueue(webs[0], 1);
    await enqueue(webs[1], 2);
    await worker.audit.until('close');

    const queue = webs[0].backend.queueOf(WriteAudit);
    await until('it is completed', async () => (await queue.getCompletedCount()) === 1);

    expect(await queue.count()).toBe(0);
    expect(worker.audit.batches).toEqual([[1]]);
  });

  it('are handed over with the other tasks of a request', async () => {
    const { webs, worker } = await startThree();

    const ids = await webs[0].scopes.run(({ tasks }) => [
      tasks.enqueue(Ping, 1).id,
      ...[1, 2, 3].map((n) => tasks.enqueue(WriteAudit, { n }).id),
      tasks.enqueue(Ping, 2).id,
    ]);
    await worker.audit.until('ping 2');
    await worker.audit.until('close');

    expect(worker.audit.batches).toEqual([[1, 2, 3]]);
    expect(await stateOf(webs[0].backend, ids[1]!)).toBe('unknown');
  });

  it('have a worker as well when their module is loaded lazily', async () => {
    const { webs, worker } = await startThree();
    const Late = defineTask<number>({ name: 'late', batch: { maxSize: 2, maxWaitMs: 60_000 } });
    @TaskHandler(Late)
    class LateHandler implements HandlesBatch<typeof Late> {
      runBatch(numbers: readonly number[]): void {
        worker.audit.note(`late ${numbers.length}`);
      }
    }
    @Module({ providers: [LateHandler] })
    class LateModule {}

    for (const { app } of [worker, webs[0]]) await app.get(LazyModuleLoader).load(() => LateModule);
    await webs[0].scopes.run(({ tasks }) => void [1, 2].map((n) => tasks.enqueue(Late, n)));

    await worker.audit.until('late 2');
    expect(worker.audit.count('late 2')).toBe(1);
  });

  it('run in the process itself while the server is gone, where there is a fallback', async () => {
    const web = await start(`batches-${randomUUID()}`, false, { fallback: 'in-process' });
    await server().stop();
    await until('the server is known to be gone', () => web.backend.unavailableBecause !== undefined);

    await web.write(1, 2, 3);
    await web.audit.until('close');

    expect(web.audit.batches).toEqual([[1, 2, 3]]);
  });
});

describe('B40 · batches within a transaction', () => {
  const server = useServer(preparePostgres);

  it('hold the tasks that were inserted, once they are committed', async () => {
    const queueName = `batches-${randomUUID()}`;
    const { app, scopes } = await startContext({
      imports: [BullMqBackgroundTasksModule.forRoot({ postgres: server().url, migrate: true, queueName })],
      providers: auditProviders,
    });
    const backend = app.get(BullMqBackend);
    await until('the server is ready', () => backend.unavailableBecause === undefined);
    const audit = app.get(Audit);

    await scopes.run(({ tasks }) =>
      withinPg(openPool(server().url), async (client) => {
        for (const n of [1, 2, 3]) await tasks.enqueueWithin(client, WriteAudit, { n }, { idempotencyKey: `key ${n}` });
      }),
    );
    await audit.until('close');

    expect(audit.batches).toEqual([[1, 2, 3]]);
    expect(await backend.queue.count()).toBe(0);
  });
});
