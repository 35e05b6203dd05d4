import { Inject, type ModuleMetadata } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  BackgroundTasksHost,
  type BackgroundTasksModuleOptions,
  type BatchContext,
  BatchError,
  currentTask,
  defineTask,
  type HandlesBatch,
  provideResource,
  TaskHandler,
  TaskScopes,
} from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { Audit, auditProviders, Session, WriteAudit } from '../support/audit.js';
import { deferred } from '../support/deferred.js';
import { RecordedEvents } from '../support/recorded-events.js';
import { startContext } from '../support/start-context.js';
import { applyTenants, TenantPool } from '../support/tenants.js';
import { until } from '../support/until.js';

async function start(options: BackgroundTasksModuleOptions = {}, metadata: ModuleMetadata = {}) {
  const providers = [...auditProviders, ...(metadata.providers ?? [])];
  const { app, logs } = await startContext({ ...metadata, providers, options });
  const scopes = app.get(TaskScopes);
  const host = app.get(BackgroundTasksHost);
  /** Enqueues entries of these numbers, with a retry of its own if it is to have none. */
  const write = (numbers: readonly number[], attempts = 1) =>
    scopes.run(({ tasks }) =>
      numbers.map((n) => tasks.with({ retry: { attempts, delayMs: 0 } }).enqueue(WriteAudit, { n })),
    );
  return { app, audit: app.get(Audit), scopes, host, logs, write };
}

describe('B40 the handler of a batch', () => {
  it('has one scope for all payloads, with resources that commit after it and tasks that run', async () => {
    const { app, audit, write } = await start();
    audit.act = ({ tasks }) => tasks.addTask(() => audit.note('task of the batch'));

    await write([1, 2, 3]);
    await settled(app);

    expect(audit.events).toEqual(['begin 1,2,3', 'end 1,2,3', 'task of the batch', 'commit', 'close']);
  });

  it('is injected its own context as REQUEST, which lists its tasks, and which currentTask() gives', async () => {
    const { audit, write } = await start();

    const tasks = await write([1, 2, 3]);
    await Promise.all(tasks.map((task) => task.settled));

    const [{ context, isCurrent } = audit.runs[0]!] = audit.runs;
    expect(isCurrent).toBe(true);
    expect(context).toMatchObject({
      name: 'write-audit',
      attempt: 1,
      context: undefined,
      outcome: { succeeded: true },
    });
    expect(context.batch.map(({ id }) => id)).toEqual(tasks.map(({ id }) => id));
    expect(tasks.map(({ id }) => id)).not.toContain(context.id);
  });

  it('fails all its tasks with what it throws, which its resources are thrown', async () => {
    const { audit, write, logs } = await start();
    const error = new Error('no disk');
    audit.act = () => {
      throw error;
    };

    const tasks = await write([1, 2, 3]);
    const reports = await Promise.all(tasks.map((task) => task.settled));

    expect(reports).toMatchObject(tasks.map(({ id }) => ({ id, state: 'failed', error })));
    expect(audit.events).toEqual(['begin 1,2,3', 'rollback', 'close']);
    expect(logs.errors).toHaveLength(3);
  });

  it('fails those that a BatchError names, each with its own error, and commits for the others', async () => {
    const { audit, write } = await start();
    const [first, third] = [new Error('first'), new Error('third')];
    audit.act = () => {
      throw new BatchError(
        new Map([
          [0, first],
          [2, third],
        ]),
      );
    };

    const tasks = await write([1, 2, 3]);
    const reports = await Promise.all(tasks.map((task) => task.settled));

    expect(reports.map(({ state, error }) => [state, error])).toEqual([
      ['failed', first],
      ['succeeded', undefined],
      ['failed', third],
    ]);
    expect(audit.events).toEqual(['begin 1,2,3', 'commit', 'close']);
  });

  it('fails all of them with a BatchError that names a payload which is not there', async () => {
    const { audit, write } = await start();
    audit.act = () => {
      throw new BatchError([[3, new Error('off by one')]]);
    };

    const tasks = await write([1, 2, 3]);
    const reports = await Promise.all(tasks.map((task) => task.settled));

    expect(reports.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed']);
    expect(reports[0]!.error).toMatchObject({ code: 'BATCH' });
    expect(audit.events).toEqual(['begin 1,2,3', 'rollback', 'close']);
  });

  it("fails all of them if a 'before-response' resource cannot commit", async () => {
    class Transaction {}
    const transaction = provideResource({
      provide: Transaction,
      release: 'before-response',
      async *useFactory() {
        yield new Transaction();
        throw new Error('serialization failure');
      },
    });
    const Insert = defineTask<number>({ name: 'insert', batch: { maxSize: 3, maxWaitMs: 1_000 } });
    @TaskHandler(Insert)
    class InsertHandler implements HandlesBatch<typeof Insert> {
      constructor(readonly current: Transaction) {}

      runBatch(): void {
        throw new BatchError([[0, new Error('one of three')]]);
      }
    }
    const { scopes } = await start({}, { providers: [transaction, InsertHandler] });

    const added = await scopes.run(({ tasks }) => [1, 2, 3].map((n) => tasks.enqueue(Insert, n)));
    const reports = await Promise.all(added.map((task) => task.settled));

    expect(reports.map(({ error }) => (error as Error).message)).toEqual(
      Array.from({ length: 3 }, () => 'serialization failure'),
    );
  });

  it('is called again for those that failed alone, with those that came meanwhile', async () => {
    const { app, audit, write } = await start();
    audit.act = ({ entries }) => {
      if (entries.length === 3) throw new BatchError([[1, new Error('again')]]);
    };

    const tasks = await write([1, 2, 3], 2);
    await tasks[0]!.settled;
    await write([4]);
    await settled(app);

    expect(audit.batches.map((batch) => batch.toSorted((a, b) => a - b))).toEqual([
      [1, 2, 3],
      [2, 4],
    ]);
    expect(audit.runs[1]!.context.batch.find(({ id }) => id === tasks[1]!.id)).toMatchObject({ attempt: 2 });
  });

  it('is told by its signal when the time of all its tasks is up, which end then', async () => {
    const { audit, scopes } = await start();
    const reasons: unknown[] = [];
    audit.act = ({ context: { signal } }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push([(signal.reason as Error).name, currentTask().batch?.length]);
          reject(signal.reason as Error);
        });
      });

    const added = await scopes.run(({ tasks }) =>
      [1, 2, 3].map((n) => tasks.with({ timeoutMs: n * 10, retry: { attempts: 1 } }).enqueue(WriteAudit, { n })),
    );
    const reports = await Promise.all(added.map((task) => task.settled));

    expect(reports.map(({ state }) => state)).toEqual(['timed-out', 'timed-out', 'timed-out']);
    expect(reasons).toEqual([['TimeoutError', 3]]);
  });

  it('does not hold up the next batch for longer than its time limit', async () => {
    const { audit, scopes, write } = await start();
    const never = deferred();
    audit.act = ({ entries }) => (entries.includes(1) ? never.promise : undefined);

    const late = await scopes.run(({ tasks }) =>
      [1, 2, 3].map((n) => tasks.with({ timeoutMs: 20, retry: { attempts: 1 } }).enqueue(WriteAudit, { n })),
    );
    const next = await write([4, 5, 6]);
    const reports = await Promise.all([...late, ...next].map((task) => task.settled));

    expect(reports.map(({ state }) => state)).toEqual([
      'timed-out',
      'timed-out',
      'timed-out',
      'succeeded',
      'succeeded',
      'succeeded',
    ]);
  });

  it('runs in the async context of none of its tasks', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { app, audit, scopes } = await start();
    audit.act = () => seen.push(storage.getStore());

    for (const n of [1, 2, 3]) {
      await storage.run(`user ${n}`, () => scopes.run(({ tasks }) => void tasks.enqueue(WriteAudit, { n })));
    }
    await settled(app);

    expect(audit.batches).toEqual([[1, 2, 3]]);
    expect(seen).toEqual([undefined]);
  });

  it('tells the progress of the batch for each task, and that of one for it alone', async () => {
    const recorded = new RecordedEvents();
    const { app, audit, write } = await start({ observers: [recorded.observer] });
    audit.act = ({ context }) => {
      context.progress('half');
      context.batch[1]!.progress('second');
    };

    const [first, second] = await write([1, 2, 3]);
    await settled(app);

    const told = recorded.of('taskProgressed').map(({ task, value }) => [task.id, value]);
    expect(told).toHaveLength(4);
    expect(told[0]).toEqual([first!.id, 'half']);
    expect(told[3]).toEqual([second!.id, 'second']);
  });
});

describe('B40 a task of a batch', () => {
  it('is cancelled while it waits for others', async () => {
    const { app, audit, host, write } = await start();

    const [one, two] = await write([1, 2]);
    await until('they wait in the line of the batch', () => host.stats().waiting === 2);
    expect([one!.cancel(), one!.cancel()]).toEqual([true, false]);
    await settled(app);

    expect(audit.batches).toEqual([[2]]);
    expect(await one!.settled).toMatchObject({ state: 'cancelled' });
    expect(await two!.settled).toMatchObject({ state: 'succeeded' });
  });

  it('runs once for its idempotency key, that of other requests included', async () => {
    const { app, audit, scopes } = await start();
    const enqueue = (n: number) =>
      scopes.run(({ tasks }) => tasks.enqueue(WriteAudit, { n }, { idempotencyKey: 'order 7' }));

    const first = await enqueue(1);
    const second = await enqueue(2);
    await settled(app);

    expect(audit.batches).toEqual([[1]]);
    expect([await first.settled, await second.settled].map(({ state }) => state)).toEqual(['succeeded', 'discarded']);
  });

  it('fails alone if its payload is not what its schema asks for where it runs', async () => {
    let isStrict = false;
    const schema = z.object({ n: z.number().refine((n) => !isStrict || n !== 2) });
    const Checked = defineTask({ name: 'checked', schema, batch: { maxSize: 3, maxWaitMs: 50 } });
    const batches: unknown[] = [];
    @TaskHandler(Checked)
    class CheckedHandler implements HandlesBatch<typeof Checked> {
      runBatch(payloads: readonly { n: number }[]): void {
        batches.push(payloads);
      }
    }
    const { scopes } = await start({}, { providers: [CheckedHandler] });

    const added = await scopes.run(({ tasks }) => {
      const some = [1, 2, 3].map((n) => tasks.enqueue(Checked, { n }));
      isStrict = true;
      return some;
    });
    const reports = await Promise.all(added.map((task) => task.settled));

    expect(reports.map(({ state }) => state)).toEqual(['succeeded', 'failed', 'succeeded']);
    expect(reports[1]!.error).toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect(batches).toEqual([[{ n: 1 }, { n: 3 }]]);
  });

  it('keeps the outcome of its request, also after a failure that it is for', async () => {
    const { audit, scopes } = await start();
    const error = new Error('no');
    const failing = scopes.run(({ tasks }) => {
      for (const n of [1, 2, 3]) tasks.with({ runOn: 'failure' }).enqueue(WriteAudit, { n });
      throw error;
    });

    await expect(failing).rejects.toBe(error);
    await audit.until('close');

    expect(audit.runs[0]!.context.batch.map(({ outcome }) => outcome.error)).toEqual([error, error, error]);
  });

  it('counts as one task that waits, until its batch begins', async () => {
    const { scopes } = await start({ maxPending: 2 });
    const enqueue = () => scopes.run(({ tasks }) => void tasks.enqueue(WriteAudit, { n: 1 }));

    await enqueue();
    await enqueue();

    await expect(enqueue()).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  });

  it('takes one permit of maxRunning with all the others of its batch', async () => {
    const { app, audit, write, host } = await start({ maxRunning: 1 });
    const [held, running] = [deferred(), [] as number[]];
    audit.act = async () => {
      running.push(host.stats().running);
      await held.promise;
    };

    await write([1, 2, 3]);
    await audit.until('begin 1,2,3');
    held.resolve();
    await settled(app);

    expect(running).toEqual([3]);
  });

  it("stops nothing when it fails, whatever onTaskFailure says: it has left its request's line", async () => {
    const { app, audit, write } = await start({ onTaskFailure: 'stop' });
    audit.act = ({ entries }) => {
      if (entries.includes(1)) throw new Error('no');
    };

    await write([1, 2, 3]);
    await audit.until('close');
    const next = await write([4, 5, 6]);
    await settled(app, { throwOnFailure: false });

    expect(await Promise.all(next.map(async (task) => (await task.settled).state))).toEqual([
      'succeeded',
      'succeeded',
      'succeeded',
    ]);
  });

  it('is abandoned at the shutdown deadline if its batch does not end', async () => {
    const { host, audit, write } = await start({ shutdownTimeoutMs: 50 });
    const reasons: unknown[] = [];
    audit.act = ({ context: { signal } }) => {
      signal.addEventListener('abort', () => reasons.push((signal.reason as Error).name));
      return new Promise(() => undefined);
    };
    await write([1, 2, 3]);
    await audit.until('begin 1,2,3');
    const waiting = await write([4]);

    await host.drain();

    expect(host.stats()).toMatchObject({ abandoned: 4, waiting: 0, running: 0 });
    expect(reasons).toEqual(['AbortError']);
    expect(await waiting[0]!.settled).toMatchObject({ state: 'abandoned' });
  });
});

describe('B40 the batches of an application with durable providers', () => {
  const Bill = defineTask<number>({ name: 'bill', batch: { maxSize: 2, maxWaitMs: 1_000 } });

  @TaskHandler(Bill)
  class BillHandler implements HandlesBatch<typeof Bill> {
    static readonly seen: unknown[] = [];

    constructor(
      private readonly pool: TenantPool,
      private readonly session: Session,
      @Inject(REQUEST) private readonly batch: BatchContext,
    ) {}

    runBatch(numbers: readonly number[]): void {
      const { tenant } = this.batch.context as { tenant: string };
      BillHandler.seen.push([tenant, this.pool.tenant, numbers, this.session instanceof Session]);
    }
  }

  it('hold the tasks of one tenant each', async () => {
    applyTenants();
    TenantPool.made.length = 0;
    const { app, scopes } = await start({}, { providers: [TenantPool, BillHandler] });

    for (const [number, tenant] of ['acme', 'bolt', 'acme', 'bolt'].entries()) {
      await scopes.run(({ tasks }) => void tasks.enqueue(Bill, number), { context: { tenant } });
    }
    await settled(app);

    expect(BillHandler.seen).toEqual([
      ['acme', 'acme', [0, 2], true],
      ['bolt', 'bolt', [1, 3], true],
    ]);
  });
});

describe('B42 observers of batches', () => {
  it('are told of each batch, and of its tasks in the scopes that they were added to', async () => {
    const recorded = new RecordedEvents();
    const { app, audit, write } = await start({ observers: [recorded.observer] });

    const tasks = await write([1, 2, 3]);
    await settled(app);

    const [flushed] = recorded.of('batchFlushed');
    expect(flushed).toMatchObject({
      batch: { id: audit.runs[0]!.context.id, name: 'write-audit' },
      tasks: tasks.map(({ id }) => ({ id, name: 'write-audit', isNamed: true })),
      trigger: 'size',
      waitedMs: expect.any(Number) as number,
    });
    const [unit, batch] = recorded.of('scopeOpened').map(({ scope }) => scope);
    expect(batch).toMatchObject({
      kind: 'task',
      description: 'batch "write-audit"',
      parent: { taskId: flushed!.batch.id },
    });
    expect(recorded.of('taskStarted').map(({ scope }) => scope!.id)).toEqual([unit!.id, unit!.id, unit!.id]);
    expect(recorded.of('taskSettled').map(({ scope }) => scope!.id)).toEqual([unit!.id, unit!.id, unit!.id]);
    expect(recorded.of('taskSettled').map(({ task }) => task.batch)).toEqual(
      tasks.map(() => ({ id: flushed!.batch.id, size: 3 })),
    );
    expect(JSON.stringify(recorded.all)).not.toContain('"n"');
  });

  it.each([
    { trigger: 'time', entries: [1], shutsDown: false },
    { trigger: 'shutdown', entries: [1, 2], shutsDown: true },
  ])('are told that a batch began because of $trigger', async ({ trigger, entries, shutsDown }) => {
    const recorded = new RecordedEvents();
    const { host, write, audit } = await start({ observers: [recorded.observer] });

    await write(entries);
    if (shutsDown) await host.drain();
    await audit.until('close');

    expect(recorded.of('batchFlushed').map((event) => event.trigger)).toEqual([trigger]);
  });
});
