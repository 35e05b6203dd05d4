import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqSchedules } from '../../src/bullmq/index.js';
import { defineTask, TaskHandler } from '../../src/index.js';
import { newTaskId } from '../../src/named/task-id.js';
import { deferred } from '../support/deferred.js';
import { type DurableApp, enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const Sweep = defineTask({ name: 'sweep' });
@TaskHandler(Sweep)
class SweepHandler {
  run() {}
}

describe.each(servers)('a task that is looked up on $kind', ({ kind, prepare }) => {
  const server = useServer(prepare);

  it('is found in every state by a process that does not run it', async () => {
    const queueName = `test-${randomUUID()}`;
    const web = await startDurable({ server: server(), queueName });
    await untilReady(web);
    const later = enqueued('later', { settings: { delay: 60_000 } });
    const [first, second] = [enqueued('hold'), enqueued('fail', { settings: { attempts: 2, backoff: 0 } })];
    await web.backend.accept([later, first]);
    await web.backend.accept([second]);
    const states = () => Promise.all([later, first, second].map((task) => web.backend.findTask(task.envelope.id)));
    const waiting = await states();

    const held = deferred();
    const runner = new RecordedRunner()
      .handle('later')
      .handle('hold', () => held.promise)
      .handle('fail', () => Promise.reject(new Error('no')));
    await startDurable({ server: server(), queueName, runner, worker: { concurrency: 1 } });
    await runner.ran(1);
    const running = await web.backend.findTask(first.envelope.id);
    held.resolve();
    await runner.ran(3);
    await settled(web, second.envelope.id);
    const ended = await states();

    const job = (id: string) => ({ queue: queueName, id: `t${id}` });
    expect(waiting).toMatchObject([
      { state: 'delayed', attempts: 0, job: job(later.envelope.id) },
      { state: 'waiting', attempts: 0, job: job(first.envelope.id) },
      { state: 'waiting', attempts: 0, job: job(second.envelope.id) },
    ]);
    expect(running).toMatchObject({ state: 'running', attempts: 1 });
    expect(ended).toMatchObject([
      { state: 'delayed', attempts: 0 },
      { state: 'succeeded', attempts: 1 },
      { state: 'failed', attempts: 2 },
    ]);
  });

  it.each([
    ['a NUL character', 'a\0b'],
    ['nothing', ''],
    ['a megabyte', 'x'.repeat(2 ** 20)],
    ['a list, as of a query string', ['a']],
    ['a number', 5],
    ['no value', undefined],
  ])('is unknown by an id of %s', async (_what, id) => {
    const { backend } = await ready();

    const found = await backend.findTask(id as string);
    const answer = await backend.cancelTask(id as string);

    expect([found, answer]).toEqual([undefined, 'unknown']);
  });

  it('waits also if it has a priority', async () => {
    const { backend } = await ready();
    const task = enqueued('urgent', { settings: { priority: 5 } });
    await backend.accept([task]);

    expect(await backend.findTask(task.envelope.id)).toMatchObject({ state: 'waiting' });
  });

  it('is found by its own id in another process if it has a key, and so is a second one of that key', async () => {
    const queueName = `test-${randomUUID()}`;
    const [web, other] = [
      await startDurable({ server: server(), queueName }),
      await startDurable({ server: server(), queueName }),
    ];
    await Promise.all([untilReady(web), untilReady(other)]);
    const [one, two] = [withKey('invoice', '7'), withKey('invoice', '7')];
    await web.backend.accept([one]);
    await web.backend.accept([two]);

    const found = [await other.backend.findTask(one.envelope.id), await other.backend.findTask(two.envelope.id)];

    expect(found).toMatchObject([
      { id: one.envelope.id, state: 'waiting' },
      { id: two.envelope.id, state: 'waiting' },
    ]);
    expect(found[0]!.job).toEqual(found[1]!.job);
  });

  it('is not found by one who knows its key and not its id', async () => {
    const { backend } = await ready();
    await backend.accept([withKey('invoice', '7')]);

    expect(await backend.findTask(newTaskId('invoice', '7'))).toBeUndefined();
    expect(await backend.cancelTask(newTaskId('invoice', '7'))).toBe('unknown');
  });

  it('is found if it is one of a schedule', async () => {
    const { app, backend, queue } = await ready();
    await app.get(BullMqSchedules).set('sweep-hourly', Sweep, {}, { every: 3_600_000 });
    const [job] = await queue.getWaiting();

    expect(await backend.findTask(job!.id!)).toMatchObject({ state: 'waiting', job: { id: job!.id } });
  });

  it('is found in the queue of its batches by a process that has only been told of them', async () => {
    const queueName = `test-${randomUUID()}`;
    const batch = { maxSize: 10, maxWaitMs: 1_000 };
    const task = enqueued('audit', { batch });
    const web = await startDurable({ server: server(), queueName });
    await untilReady(web);
    await web.backend.accept([task]);
    const runner = new RecordedRunner();
    runner.batches.set('audit', batch);
    const another = await startDurable({ server: server(), queueName, runner });
    await untilReady(another);

    expect(await another.backend.findTask(task.envelope.id)).toMatchObject({
      state: 'waiting',
      attempts: 0,
      job: { queue: `${queueName}.audit`, id: `t${task.envelope.id}` },
    });
  });

  it('is none if nobody enqueued it, or its job was removed', async () => {
    const { backend, queue } = await ready();
    const task = enqueued('gone');
    await backend.accept([task]);
    await (await queue.getJob(`t${task.envelope.id}`))!.remove();

    const found = [await backend.findTask(task.envelope.id), await backend.findTask(randomUUID())];

    expect(found).toEqual([undefined, undefined]);
  });

  it('is refused with the reason while the server is away', async () => {
    const { backend } = await ready();
    await server().stop();

    await expect(backend.findTask('42')).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(
        new RegExp(`^Task 42 could not be looked up: ${kind}: .+\\. Try again later\\.$`),
      ) as string,
    });
  });

  it('is refused when the server does not answer', async () => {
    const { backend } = await ready({ acceptTimeoutMs: 500 });
    server().freeze();

    const found = backend.findTask('42');
    await expect(found).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });

    server().thaw();
  });

  async function ready(options = {}) {
    const durable = await startDurable({ server: server(), options, providers: [SweepHandler] });
    await untilReady(durable);
    return { ...durable, queue: durable.backend.queue };
  }
});

/** A task as `enqueue()` makes it, whose id tells of its key. */
function withKey(name: string, idempotencyKey: string) {
  const task = enqueued(name, { idempotencyKey });
  return { ...task, envelope: { ...task.envelope, id: newTaskId(name, idempotencyKey) } };
}

/** Resolves once the task has failed for good. */
function settled({ backend }: DurableApp, id: string): Promise<void> {
  return until('the task has failed', async () => (await backend.findTask(id))?.state === 'failed');
}
