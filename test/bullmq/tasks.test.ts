import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqSchedules, BullMqTasks } from '../../src/bullmq/index.js';
import { BackgroundTasksError, defineTask, TaskHandler } from '../../src/index.js';
import { newTaskId } from '../../src/named/task-id.js';
import { deferred } from '../support/deferred.js';
import { enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { hostileObjects } from '../support/hostile-values.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const batch = { maxSize: 10, maxWaitMs: 60_000 };
const Audit = defineTask({ name: 'audit', batch });
@TaskHandler(Audit)
class AuditHandler {
  runBatch() {}
}
const Sweep = defineTask({ name: 'sweep', retry: { attempts: 1 } });
@TaskHandler(Sweep)
class SweepHandler {
  run() {}
}

const once = { attempts: 1 };

describe.each(servers)('B49 · the tasks that $kind has', ({ kind, prepare }) => {
  const server = useServer(prepare);

  it('are listed in every state and queue, without their payloads', async () => {
    const web = await ready();
    const [hold, fail, done] = [enqueued('hold'), enqueued('fail', { settings: once }), enqueued('done')];
    await web.backend.accept([done]);
    await web.backend.accept([fail]);
    await web.backend.accept([hold]);
    const held = deferred();
    const runner = new RecordedRunner()
      .handle('hold', () => held.promise)
      .handle('fail', () => Promise.reject(new Error('no more paper')))
      .handle('done');
    await startDurable({ server: server(), queueName: web.queueName, runner, worker: { concurrency: 1 } });
    await runner.ran(3);
    const later = enqueued('later', { settings: { delay: 60_000 }, payload: { secret: 'canary' } });
    const [urgent, audit] = [enqueued('urgent', { settings: { priority: 5 } }), enqueued('audit', { batch })];
    for (const task of [later, urgent, audit]) await web.backend.accept([task]);

    const rows = await web.tasks.list();
    const counts = await web.tasks.counts();
    held.resolve();

    const enqueuedAt = expect.any(Number) as number;
    const endedAt = expect.any(Number) as number;
    const row = (task: ReturnType<typeof enqueued>, state: string, attempts: number, rest = {}) => {
      const { id, name } = task.envelope;
      return { id, name, state, attempts, enqueuedAt, ...rest };
    };
    expect(rows).toMatchObject([
      row(hold, 'running', 1),
      row(urgent, 'waiting', 0),
      row(audit, 'waiting', 0),
      row(later, 'delayed', 0),
      row(fail, 'failed', 1, { endedAt, error: { name: 'Error', message: 'no more paper' } }),
      row(done, 'succeeded', 1, { endedAt }),
    ]);
    expect(counts).toEqual({ running: 1, waiting: 2, delayed: 1, failed: 1, succeeded: 1 });
    expect(rows.filter((one) => 'progress' in one || 'result' in one)).toEqual([]);
    expect(JSON.stringify(rows)).not.toContain('canary');
  });

  it('are listed page by page, of one name and state, across queues', async () => {
    const { backend, tasks } = await ready();
    const all = Array.from({ length: 250 }, (_, index) => enqueued(index % 2 ? 'odd' : 'even'));
    await backend.accept(all);
    await backend.accept([enqueued('audit', { batch }), enqueued('odd', { settings: { delay: 60_000 } })]);

    const pages = [];
    for (let offset = 0; offset < 260; offset += 60) pages.push(await tasks.list({ limit: 60, offset }));
    const odd = await tasks.list({ state: 'waiting', name: 'odd', limit: 200 });
    const oddPage = await tasks.list({ name: 'odd', limit: 10, offset: 120 });

    expect(pages.map((page) => page.length)).toEqual([60, 60, 60, 60, 12]);
    expect(new Set(pages.flat().map(({ id }) => id)).size).toBe(252);
    expect(pages[0]![0]!.id).toBe(all.at(-1)!.envelope.id);
    expect(odd).toHaveLength(125);
    expect(oddPage.map(({ state }) => state)).toEqual([...Array.from({ length: 5 }, () => 'waiting'), 'delayed']);
    expect(await tasks.list({ name: 'audit' })).toHaveLength(1);
  });

  it('run again when they have failed, with all their attempts, by id or all of a name', async () => {
    const web = await ready();
    const given = Array.from({ length: 120 }, () => enqueued('fail', { settings: { attempts: 2, backoff: 0 } }));
    const [other, keyed] = [enqueued('other', { settings: once }), withKey('keyed', '7', { settings: once })];
    await web.backend.accept([...given, other, keyed]);
    const attempts: string[] = [];
    const fail = ({ id }: { id: string }, { number }: { number: number }) => {
      attempts.push(`${id} ${number}`);
      throw new Error('no');
    };
    const runner = new RecordedRunner().handle('fail', fail).handle('other', fail).handle('keyed', fail);
    await startDurable({ server: server(), queueName: web.queueName, runner, worker: {} });
    const allFailed = () => until('all have failed', async () => (await web.tasks.counts()).failed === 122);
    await allFailed();
    const [first] = given;

    attempts.length = 0;
    const byId = [await web.tasks.retry(first!.envelope.id), await web.tasks.retry(keyed.envelope.id)];
    await allFailed();
    const ofOne = attempts.toSorted();
    attempts.length = 0;
    const byName = await web.tasks.retry({ name: 'fail' });
    await until('all have run twice', () => attempts.length >= 240);
    await allFailed();

    expect(byId).toEqual([1, 1]);
    const { id } = first!.envelope;
    expect(ofOne).toEqual([`${id} 1`, `${id} 2`, `${keyed.envelope.id} 1`].toSorted());
    expect(byName).toBe(120);
    expect(attempts).toHaveLength(240);
  });

  it('are no more when they are discarded, and free their keys, but those that run go on', async () => {
    const web = await ready();
    const hold = withKey('hold', 'held');
    await web.backend.accept([hold]);
    const held = deferred();
    const runner = new RecordedRunner().handle('hold', () => held.promise);
    await startDurable({ server: server(), queueName: web.queueName, runner, worker: { concurrency: 1 } });
    await runner.ran(1);
    const waiting = Array.from({ length: 230 }, (_, index) => enqueued(index < 20 ? 'kept' : 'bulk'));
    const keyed = withKey('keyed', '7');
    await web.backend.accept([...waiting, keyed]);

    const running = await web.tasks.discard(hold.envelope.id);
    const byName = await web.tasks.discard({ state: 'waiting', name: 'bulk' });
    const byId = await web.tasks.discard(keyed.envelope.id);
    const [counts, again] = [await web.tasks.counts(), await web.tasks.discard(keyed.envelope.id)];
    await web.backend.accept([withKey('keyed', '7')]);
    const rest = await web.tasks.discard({ state: 'waiting' });
    held.resolve();
    await until('the task has succeeded', async () => (await web.tasks.counts()).succeeded === 1);

    expect([running, byName, byId, again]).toEqual([0, 210, 1, 0]);
    expect(counts).toMatchObject({ running: 1, waiting: 20 });
    expect(rest).toBe(21);
  });

  it('are listed among the failed ones when they were cancelled, and do not run again', async () => {
    const { backend, tasks } = await ready();
    const { envelope, ...rest } = enqueued('later', { settings: { delay: 60_000 } });
    await backend.accept([{ envelope, ...rest }]);
    await backend.cancelTask(envelope.id);

    const rows = await tasks.list({ state: 'failed' });
    const retried = [await tasks.retry(envelope.id), await tasks.retry({})];

    expect(rows).toMatchObject([{ id: envelope.id, state: 'cancelled' }]);
    expect(retried).toEqual([0, 0]);
    expect(await tasks.discard(envelope.id)).toBe(1);
  });

  it('may be of a schedule: those that have ended can be retried and discarded, the next one stays', async () => {
    const runner = new RecordedRunner().handle('sweep', () => Promise.reject(new Error('no')));
    const web = await ready({ runner, worker: {} });
    await web.app.get(BullMqSchedules).set('hourly', Sweep, {}, { every: 3_600_000 });
    const failed = () => until('it has failed', async () => (await web.tasks.counts()).failed === 1);
    await failed();
    const [row] = await web.tasks.list({ state: 'failed' });

    const retried = await web.tasks.retry(row!.id);
    await runner.ran(2);
    await failed();
    const discarded = [await web.tasks.discard({ state: 'delayed' }), await web.tasks.discard(row!.id)];

    expect(retried).toBe(1);
    expect(runner.runs.map(({ envelope }) => envelope.id)).toEqual([row!.id, row!.id]);
    expect(discarded).toEqual([0, 1]);
    expect(await web.tasks.counts()).toEqual({ running: 0, waiting: 0, delayed: 1, failed: 0, succeeded: 0 });
  });

  it('are none of another queue', async () => {
    const [one, another] = [await ready(), await ready()];
    await one.backend.accept([enqueued('done')]);

    expect([await another.tasks.list(), await another.tasks.discard({ state: 'waiting' })]).toEqual([[], 0]);
  });

  it('are told with the reason while it is away', async () => {
    const { tasks } = await ready();
    await server().stop();

    const message = expect.stringMatching(
      new RegExp(`^Tasks could not be reached: ${kind}: .+\\. Try again later\\.$`),
    ) as string;
    for (const asked of [tasks.list(), tasks.counts(), tasks.retry({}), tasks.discard({ state: 'failed' })]) {
      await expect(asked).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', message });
    }
  });

  async function ready(options: Partial<Parameters<typeof startDurable>[0]> = {}) {
    const queueName = `test-${randomUUID()}`;
    const providers = [AuditHandler, SweepHandler];
    const durable = await startDurable({ server: server(), queueName, providers, ...options });
    await untilReady(durable);
    return { ...durable, tasks: durable.app.get(BullMqTasks) };
  }
});

/** A task with a key, whose id leads to the job of the key. */
function withKey(name: string, idempotencyKey: string, rest: Parameters<typeof enqueued>[1] = {}) {
  const task = enqueued(name, { ...rest, idempotencyKey });
  return { ...task, envelope: { ...task.envelope, id: newTaskId(name, idempotencyKey) } };
}

describe('B49 · what is asked of tasks in vain', () => {
  it.each([
    ['list', { state: 'completed' }, '"state"'],
    ['list', { name: 'No Name' }, '"name"'],
    ['list', { limit: 0 }, '"limit"'],
    ['list', { offset: -1 }, '"offset"'],
    ['list', { stat: 'failed' }, '"stat"'],
    ['retry', '', '"id"'],
    ['retry', 5, '"options"'],
    ['retry', { state: 'waiting' }, '"state"'],
    ['discard', '', '"id"'],
    ['discard', {}, '"state"'],
    ['discard', { state: 'running' }, '"state"'],
  ] as const)('is refused, and it is no outage: %s(%j)', async (method, argument, says) => {
    const durable = await startDurable({ server: { options: { connection: 'redis://127.0.0.1:1' } } });
    const tasks = durable.app.get(BullMqTasks);

    const asked = (tasks[method] as (argument: unknown) => Promise<unknown>).call(tasks, argument);

    await expect(asked).rejects.toThrow(BackgroundTasksError);
    await expect(asked).rejects.toThrow(says);
  });
});

describe('B49 · a filter that cannot be read', () => {
  it.each(hostileObjects)('is refused by code, and nothing of it is shown: $what', async ({ make }) => {
    const durable = await startDurable({ server: { options: { connection: 'redis://127.0.0.1:1' } } });
    const tasks = durable.app.get(BullMqTasks);

    const asked = [tasks.list(make()), tasks.retry(make()), tasks.discard(make() as never)];
    const refusals = await Promise.all(asked.map((one) => one.catch((error: unknown) => error)));

    expect(refusals.filter((error) => !(error instanceof BackgroundTasksError))).toEqual([]);
    expect(refusals.map((error) => (error as Error).message).join()).not.toContain('canary');
  });
});
