import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BullMqHealth, BullMqSchedules, BullMqTasks, type BullMqTaskSettings } from '../../src/bullmq/index.js';
import { putAsideUntil } from '../../src/bullmq/worker/put-aside.js';
import { TO_ADD, TO_ADD_SOME, TO_WORK } from '../../src/bullmq/server/redis-rights.js';
import { defineTask, TaskHandler } from '../../src/index.js';
import { root } from '../docs/snippets.js';
import { type DurableApp, enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { preparePostgres } from '../support/postgres.js';
import { postgresRole } from '../support/postgres-role.js';
import { prepareRedis } from '../support/redis.js';
import { redisAdmin } from '../support/redis-user.js';
import { useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const Send = defineTask({ name: 'send' });
@TaskHandler(Send)
class SendHandler {
  run() {}
}

const page = readFileSync(join(root, 'docs/bullmq.md'), 'utf8');
const operations = readFileSync(join(root, 'docs/operations.md'), 'utf8');

/** The queue of the page. */
const queueName = 'shop';

/** Long, because a worker warns of an event loop that stands still for half of it, and the machine may be busy. */
const LOCK_MS = 3_000;
/** Longer than half of that, so that the lock is renewed. */
const TASK_MS = 1_700;

describe('B32 · on Redis the rights that the page names', () => {
  const server = useServer(() => prepareRedis());

  it('are enough, and none is refused', { timeout: 40_000 }, async () => {
    const admin = redisAdmin(server().url);
    for (const [, command] of `${page}\n${operations}`.matchAll(/^ACL SETUSER (.*)$/gm)) {
      await admin.call('ACL', 'SETUSER', ...command!.split(' '));
    }
    await admin.call('ACL', 'LOG', 'RESET');
    const as = (name: string) => ({ options: { connection: server().url.replace('//', `//${name}:secret@`) } });

    expect(await doAll(server(), as('web'), as('worker'), as('operator'))).toEqual(NOTHING_WRONG);

    const denied = (await admin.call('ACL', 'LOG')) as unknown[][];
    // ioredis tells its name and version, and does without.
    const commands = denied.map((entry) => String(entry[entry.indexOf('object') + 1]));
    expect(commands.filter((command) => !command.startsWith('client'))).toEqual([]);
  });

  it('are enough to watch and to cancel', async () => {
    const admin = redisAdmin(server().url);
    for (const [, command] of page.matchAll(/^ACL SETUSER (.*)$/gm)) {
      await admin.call('ACL', 'SETUSER', ...command!.split(' '));
    }
    await admin.call('ACL', 'LOG', 'RESET');

    await watchAndCancel({ options: { connection: server().url.replace('//', '//worker:secret@') } });

    const denied = (await admin.call('ACL', 'LOG')) as unknown[][];
    const commands = denied.map((entry) => String(entry[entry.indexOf('object') + 1]));
    expect(commands.filter((command) => !command.startsWith('client'))).toEqual([]);
  });

  it('are those that are tried', () => {
    const rights = [...page.matchAll(/^ACL SETUSER (\w+) on >secret ~bull:shop:\* (.*)$/gm)];
    const [web, worker] = rights.map(([, , commands]) => commands!.split(' ').toSorted());
    const named = (list: readonly string[]) => list.map((command) => `+${command.split(' ', 1)[0]!.toLowerCase()}`);
    const toEnqueue = ['+eval', '+evalsha', '+multi', '+exec', '+info', ...named(TO_ADD), ...named(TO_ADD_SOME)];

    expect(web).toEqual(toEnqueue.toSorted());
    expect(worker).toEqual([...toEnqueue, '+bzpopmin', ...named(TO_WORK)].toSorted());
  });

  it.each([
    { does: 'adds tasks', scripts: /^(addStandard|addDelayed|addPrioritized)Job-/, lists: [TO_ADD, TO_ADD_SOME] },
    { does: 'makes schedules', scripts: /JobScheduler-/, lists: [TO_ADD, TO_ADD_SOME] },
    { does: 'adds groups', scripts: /^(addParentJob|releaseParent|getDependencyCounts)/, lists: [TO_ADD, TO_ADD_SOME] },
    {
      does: 'works',
      scripts: /^(moveTo|moveJobFromActive|moveStalled|extendLock|retryJob|updateProgress|getRateLimitTtl)/,
      lists: [TO_ADD, TO_ADD_SOME, TO_WORK],
    },
  ])('are all that BullMQ uses in what $does', ({ scripts, lists }) => {
    const folder = join(root, 'node_modules/bullmq/dist/cjs/scripts');
    const files = readdirSync(folder).filter((name) => scripts.test(name) && name.endsWith('.js'));
    const texts = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
    const used = new Set([...texts.matchAll(/(?:rcall|redis\.p?call)\(\s*["'](\w+)["']/g)].map(([, name]) => name!));
    const tried = new Set(lists.flat().map((command) => command.split(' ', 1)[0]!));

    expect(files.length).toBeGreaterThan(2);
    expect([...used].filter((name) => !tried.has(name.toUpperCase()))).toEqual([]);
  });
});

describe('B32 · on PostgreSQL the rights that the page names', () => {
  const server = useServer(preparePostgres);

  it('are enough', { timeout: 40_000 }, async () => {
    const [, statements] = /```sql\n(.*?)```/s.exec(page)!;
    const { url } = await postgresRole(server().url, statements!);
    const as = { options: { postgres: url, migrate: false } as never };

    expect(await doAll(server(), as, as, as)).toEqual(NOTHING_WRONG);
    await watchAndCancel(as);
  });
});

/** Watches a task until it is cancelled. */
async function watchAndCancel(as: Access): Promise<void> {
  const { backend } = await ready(as);
  const task = enqueued('send', { settings: { delay: 60_000 } });
  await backend.accept([task]);
  const changed = new Set<string | undefined>();
  onTestFinished(backend.watchTasks((id) => changed.add(id)));
  await until(
    'it listens',
    async () => {
      await backend.accept([enqueued('send', { settings: { delay: 60_000 } })]);
      return changed.size > 1;
    },
    100,
  );

  expect(await backend.cancelTask(task.envelope.id)).toBe('removed');

  await until('the end is told', () => changed.has(`t${task.envelope.id}`));
  expect(await backend.findTask(task.envelope.id)).toMatchObject({ state: 'cancelled' });
  // The tests share the queue of the page.
  await backend.queue.drain(true);
}

async function ready(as: Access): Promise<DurableApp> {
  const durable = await startDurable({ server: as, queueName });
  await untilReady(durable);
  return durable;
}

/** What a web process, a worker and an operator say. */
const NOTHING_WRONG = Array.from({ length: 3 }, () => ({ status: 'up', reasons: [], errors: [], warnings: [] }));

type Access = Parameters<typeof startDurable>[0]['server'];

/** Enqueues tasks of every kind, looks one up and runs them, in a queue that has none. Tells what both processes say of it. */
async function doAll(server: Access, asWeb: Access, asWorker: Access, asOperator: Access) {
  const { queue } = (await startDurable({ server, queueName })).backend;
  const web = await startDurable({ server: asWeb, queueName, providers: [SendHandler] });
  await untilReady(web);
  const runner = new RecordedRunner().handle('send', async (_envelope, attempt) => {
    attempt.progressed(1);
    await new Promise((resolve) => setTimeout(resolve, TASK_MS));
    if (attempt.number === 1) throw new Error('once more');
  });
  const settings: BullMqTaskSettings[] = [
    { delay: 1 },
    { priority: 5 },
    { lifo: true },
    { removeOnComplete: true, removeOnFail: { age: 60, count: 1 } },
    { deduplication: { id: 'a' } },
    { deduplication: { id: 'b', ttl: 60_000, extend: true } },
    { deduplication: { id: 'c', ttl: 60_000, replace: true }, delay: 500 },
    { deduplication: { id: 'd', keepLastIfActive: true } },
  ];
  const first = enqueued('send');
  await web.backend.accept([first]);
  await web.backend.findTask(first.envelope.id);
  await web.backend.accept(Array.from({ length: 3 }, () => enqueued('send')));
  for (const idempotencyKey of ['x', 'x']) await web.backend.accept([enqueued('send', { idempotencyKey })]);
  for (const one of [...settings, ...settings]) await web.backend.accept([enqueued('send', { settings: one })]);
  await web.backend.accept([enqueued('unknown')]);
  const whole = enqueued('send');
  const before = whole.envelope.id;
  Object.assign(whole.envelope.context, { group: [] });
  const parts = [{}, { delay: 1 }, { priority: 5 }].map((one) => enqueued('send', { settings: one, before }));
  await web.backend.accept([...parts, whole]);
  await web.backend.findTask(before);
  const schedules = web.app.get(BullMqSchedules);
  await schedules.set('often', Send, {}, { every: 200 });
  await schedules.set('often', Send, {}, { every: 200 });

  const worker = { lockDurationMs: LOCK_MS, stalledIntervalMs: 1_500, limiter: { max: 1_000, durationMs: 1_000 } };
  const working = await startDurable({ server: asWorker, queueName, runner, worker });
  await untilReady(working);
  await until('a task is put aside', async () => (await putAside(queue)) === 1);
  runner.handle('unknown');
  await until('all has run', () => new Set(runner.runs.map(({ envelope }) => envelope.id)).size >= 19);
  await until('it was claimed', () => runner.runs.some(({ envelope }) => envelope.name === 'unknown'));
  await schedules.remove('often');
  await until('all has ended', async () => (await queue.getJobCountByTypes('wait', 'active', 'delayed')) === 0);

  runner.handle('fail', () => Promise.reject(new Error('no')));
  await web.backend.accept([enqueued('fail', { settings: { attempts: 1 } })]);
  const operator = await startDurable({ server: asOperator, queueName });
  await untilReady(operator);
  const tasks = operator.app.get(BullMqTasks);
  // Cancelled tasks of the other tests are among the failed ones.
  const hasFailed = async () => (await tasks.list({ state: 'failed', name: 'fail' })).length === 1;
  await until('a task has failed', hasFailed);
  await tasks.retry({ name: 'fail' });
  await until('it has failed again', hasFailed);
  await tasks.counts();
  await tasks.discard({ state: 'failed' });
  await tasks.discard({ state: 'succeeded' });
  await operator.app.get(BullMqSchedules).list();

  const seen = [];
  for (const { app, logs } of [web, working, operator]) {
    const warnings = logs.warnings.filter((line) => !line.includes('goes back to the queue'));
    seen.push({ ...(await app.get(BullMqHealth).check()), errors: logs.errors, warnings });
  }
  return seen;
}

async function putAside(queue: DurableApp['backend']['queue']): Promise<number> {
  const delayed = await queue.getDelayed();
  return delayed.filter(({ timestamp, delay }) => timestamp + delay >= putAsideUntil('unknown', 1) - 60_000).length;
}
