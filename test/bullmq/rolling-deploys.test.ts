import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EnqueuedTask } from '../../src/contracts/task-backend.js';
import { type DurableApp, enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { report } from '../support/report.js';
import { servers, useServer } from '../support/servers.js';
import type { TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const IN_TIME_MS = 10_000;

describe.each(servers)('B33 · a rolling deploy on $kind', { timeout: 40_000 }, ({ kind, prepare }) => {
  const server = useServer(prepare);

  it('begins each new task in ten seconds, beside two old workers and one new one', async () => {
    const { web, queueName } = await fleet({ old: 2 });
    const runner = await newWorker(queueName);
    const tasks = Array.from({ length: 30 }, () => enqueued('new', { settings: { attempts: 1 } }));

    const from = Date.now();
    for (const task of tasks) await web.backend.accept([task]);
    await runner.ran(30);

    const slowestMs = Math.max(...runner.beganAt) - from;
    report(`${kind}: 30 new tasks beside two old workers began after ${slowestMs} ms at most`);
    expect(slowestMs).toBeLessThan(IN_TIME_MS);
    expect(runner.runs.map(({ attempt }) => attempt)).toEqual(tasks.map(() => 1));
    expect(new Set(idsOf(runner))).toEqual(new Set(tasks.map(({ envelope }) => envelope.id)));
    await until('all have ended', async () => (await web.backend.queue.getCompletedCount()) === 30);
    const jobs = await web.backend.queue.getJobs(['completed']);
    expect(jobs.filter(({ attemptsMade, stalledCounter }) => attemptsMade !== 1 || stalledCounter !== 0)).toEqual([]);
  });

  it('begins them also if all workers are busy, one task at a time, with tasks that all of them know', async () => {
    const { web, queueName, old } = await fleet({ old: 3, concurrency: 1, takesMs: 20 });
    const runner = await newWorker(queueName, { concurrency: 1, takesMs: 20 });
    const load = busyWith(web);
    await until('all are busy', () => old.every(({ runs }) => runs.length > 0));

    const from = Date.now();
    await web.backend.accept(Array.from({ length: 10 }, () => enqueued('new')));
    await until('all have begun', () => namesOf(runner).filter((name) => name === 'new').length === 10);
    const slowestMs = Date.now() - from;
    await load.stop();

    report(`${kind}: 10 new tasks in a busy queue beside three old workers began after ${slowestMs} ms at most`);
    expect(slowestMs).toBeLessThan(IN_TIME_MS);
  });

  it.each<[string, Partial<EnqueuedTask['settings']['bullmq']>]>([
    ['a priority', { priority: 5 }],
    ['a delay', { delay: 300 }],
    ['lifo', { lifo: true }],
  ])('begins a task with %s in ten seconds', async (_what, settings) => {
    const { web, queueName } = await fleet({ old: 2 });
    const runner = await newWorker(queueName);

    const from = Date.now();
    await web.backend.accept(Array.from({ length: 10 }, () => enqueued('new', { settings: settings! })));
    await runner.ran(10);

    expect(Date.now() - from).toBeLessThan(IN_TIME_MS);
  });

  it('begins them in the order in which they were enqueued', async () => {
    const { web, queueName } = await fleet({ old: 1, concurrency: 1 });
    const tasks = Array.from({ length: 20 }, () => enqueued('new'));
    await web.backend.accept(tasks);
    await until('the old worker has left them', async () => (await web.backend.queue.getDelayedCount()) === 20);

    const runner = await newWorker(queueName, { concurrency: 1 });
    await runner.ran(20);

    expect(idsOf(runner)).toEqual(tasks.map(({ envelope }) => envelope.id));
  });

  it('leaves the order of all other tasks as it is', async () => {
    const { web, old } = await fleet({ old: 1, concurrency: 1 });
    const tasks = Array.from({ length: 40 }, (_, index) => enqueued(index % 4 ? 'old' : 'new'));

    await web.backend.accept(tasks);
    await old[0]!.ran(30);

    const known = tasks.filter(({ envelope }) => envelope.name === 'old');
    expect(idsOf(old[0]!)).toEqual(known.map(({ envelope }) => envelope.id));
  });

  it('keeps tasks that nobody knows without work for the server until the new version comes', async () => {
    const { web, queueName } = await fleet({ old: 3 });
    const tasks = Array.from({ length: 30 }, () => enqueued('new', { settings: { attempts: 1 } }));
    await web.backend.accept(tasks);
    await until('all are put aside', async () => (await web.backend.queue.getDelayedCount()) === 30);

    const commandsASecond = await measured(server(), 4_000);
    report(`${kind}: ${commandsASecond.toFixed(1)} commands a second with 30 tasks that none of three workers knows`);
    expect(commandsASecond).toBeLessThan(40);

    const from = Date.now();
    const runner = await newWorker(queueName);
    await runner.ran(30);
    expect(Math.max(...runner.beganAt) - from).toBeLessThan(IN_TIME_MS);
    expect(new Set(idsOf(runner))).toEqual(new Set(tasks.map(({ envelope }) => envelope.id)));
    expect(new Set(runner.runs.map(({ attempt }) => attempt))).toEqual(new Set([1]));
  });

  it('leaves a task of a name that it knows and of a version that it does not aside', async () => {
    const { web } = await fleet({ old: 1 });
    await web.backend.queue.add('old', { ...enqueued('old').envelope, v: 2, more: true });

    await until('it is put aside', async () => (await web.backend.queue.getDelayedCount()) === 1);
    await measured(server(), 4_000);

    const [job] = await web.backend.queue.getJobs(['delayed']);
    expect(job!.attemptsStarted).toBe(1);
  });

  it('leaves tasks aside while the queue is paused', async () => {
    const { web, queueName } = await fleet({ old: 1 });
    await web.backend.accept([enqueued('new')]);
    await until('it is put aside', async () => (await web.backend.queue.getDelayedCount()) === 1);
    await web.backend.queue.pause();

    const runner = await newWorker(queueName);
    await measured(server(), 4_000);
    const whilePaused = runner.runs.length;
    await web.backend.queue.resume();
    await runner.ran(1);

    expect(whilePaused).toBe(0);
  });

  interface Kind {
    readonly concurrency?: number;
    readonly takesMs?: number;
  }

  /** A process that enqueues, and workers of the old version. */
  async function fleet({ old: count, ...like }: Kind & { readonly old: number }) {
    const queueName = `deploy-${randomUUID()}`;
    const web = await startDurable({ server: server(), queueName });
    await untilReady(web);
    const old = await Promise.all(Array.from({ length: count }, () => worker(queueName, ['old'], like)));
    return { web, queueName, old };
  }

  function newWorker(queueName: string, like: Kind = {}): Promise<RecordedRunner> {
    return worker(queueName, ['old', 'new'], like);
  }

  async function worker(queueName: string, names: string[], { concurrency = 10, takesMs = 0 }: Kind) {
    const runner = new RecordedRunner();
    const take = () => (takesMs ? new Promise<void>((resolve) => setTimeout(resolve, takesMs)) : undefined);
    for (const name of names) runner.handle(name, take);
    await untilReady(await startDurable({ server: server(), queueName, runner, worker: { concurrency } }));
    return runner;
  }
});

function namesOf({ runs }: RecordedRunner): string[] {
  return runs.map(({ envelope }) => envelope.name);
}

function idsOf({ runs }: RecordedRunner): string[] {
  return runs.map(({ envelope }) => envelope.id);
}

/** Keeps a few tasks waiting that all workers know. */
function busyWith({ backend }: DurableApp) {
  let isOver = false;
  const run = async () => {
    while (!isOver) {
      const missing = 20 - (await backend.queue.getWaitingCount());
      if (missing > 0) await backend.accept(Array.from({ length: missing }, () => enqueued('old')));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const ended = run();
  return { stop: () => ((isOver = true), ended) };
}

/** The commands or transactions of the server in a second. */
async function measured({ kind, url }: TestServer, forMs: number): Promise<number> {
  const count = kind === 'Redis' ? await redisCommands(url) : await postgresTransactions(url);
  const [from, before] = [performance.now(), await count()];
  await until('the time has passed', () => performance.now() - from > forMs, 100);
  return ((await count()) - before) / ((performance.now() - from) / 1_000);
}

async function redisCommands(url: string): Promise<() => Promise<number>> {
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  return async () => Number(/total_commands_processed:(\d+)/.exec(await client.info('stats'))![1]);
}

async function postgresTransactions(url: string): Promise<() => Promise<number>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  return async () => {
    await client.query('SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()');
    const { rows } = await client.query<{ count: string }>(
      'SELECT xact_commit AS count FROM pg_stat_database WHERE datname = current_database()',
    );
    return Number(rows[0]!.count);
  };
}
