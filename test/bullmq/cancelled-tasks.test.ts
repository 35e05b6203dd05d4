import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqSchedules } from '../../src/bullmq/index.js';
import { cancelJob } from '../../src/bullmq/server/cancel-job.js';
import { findJob } from '../../src/bullmq/server/find-job.js';
import { QueueServer } from '../../src/bullmq/server/queue-server.js';
import { defineTask, TaskHandler } from '../../src/index.js';
import { startChild } from '../support/child-app.js';
import { enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const Sweep = defineTask({ name: 'sweep' });
@TaskHandler(Sweep)
class SweepHandler {
  run() {}
}

describe.each(servers)('a task that is cancelled on $kind', { timeout: 60_000 }, ({ prepare }) => {
  const server = useServer(prepare);

  it.each([
    ['waits', {}],
    ['has a priority', { priority: 3 }],
    ['is delayed', { delay: 3_600_000 }],
  ])('leaves the queue at once if it %s, without a worker', async (_what, settings) => {
    const { backend } = await ready();
    const task = enqueued('work', { settings });
    await backend.accept([task]);

    const answer = await backend.cancelTask(task.envelope.id);

    expect(answer).toBe('removed');
    expect(await backend.queue.getJobCounts('wait', 'prioritized', 'delayed', 'active', 'failed')).toEqual({
      wait: 0,
      prioritized: 0,
      delayed: 0,
      active: 0,
      failed: 1,
    });
    expect(await backend.findTask(task.envelope.id)).toMatchObject({ state: 'cancelled', attempts: 0 });
  });

  it('is not too late if a worker finds the mark before the answer is known', async () => {
    const { app, backend } = await ready();
    const task = enqueued('work');
    await backend.accept([task]);
    const found = await findJob([backend.queue], task.envelope.id);
    await backend.cancelTask(task.envelope.id);

    expect(await cancelJob(app.get(QueueServer), found!)).toBe('removed');
    expect(await cancelJob(app.get(QueueServer), { ...found!, state: 'active' })).toBe('requested');
    expect(await backend.cancelTask(task.envelope.id)).toBe('too-late');
  });

  it('leaves a paused queue, too', async () => {
    const { backend } = await ready();
    const task = enqueued('work');
    await backend.queue.pause();
    await backend.accept([task]);

    expect(await backend.cancelTask(task.envelope.id)).toBe('removed');
    expect(await backend.findTask(task.envelope.id)).toMatchObject({ state: 'cancelled' });
  });

  it('frees its key as one that has failed does', async () => {
    const { backend } = await ready({ removeOnFail: { age: 0 } });
    const first = enqueued('work', { idempotencyKey: '7' });
    await backend.accept([first]);
    const [job] = await backend.queue.getWaiting();
    expect(job).toBeDefined();

    await backend.cancelTask(first.envelope.id);
    await backend.accept([enqueued('work', { idempotencyKey: '7' })]);

    expect(await backend.queue.getWaitingCount()).toBe(1);
  });

  it('ends when its turn comes if it is one of a schedule, which goes on', async () => {
    const { app, backend, queueName } = await ready();
    await app.get(BullMqSchedules).set('sweep-often', Sweep, {}, { every: 50 });
    const [job] = [...(await backend.queue.getDelayed()), ...(await backend.queue.getWaiting())];

    const answer = await backend.cancelTask(job!.id!);
    const runner = new RecordedRunner().handle('sweep');
    await startDurable({ server: server(), queueName, runner, worker: {} });
    await runner.ran(2);

    expect(answer).toBe('removed');
    expect(runner.runs.map(({ envelope }) => envelope.id)).not.toContain(job!.id);
    expect(await backend.findTask(job!.id!)).toMatchObject({ state: 'cancelled' });
  });

  it('never begins again if its worker is killed before it hears of it', async () => {
    const { backend, queueName } = await ready();
    const env = { SERVER: server().url, QUEUE: queueName, ROLE: 'worker', HOLD_MS: '60000' };
    const worker = startChild('durable', { env });
    await worker.said('READY');
    const task = enqueued('work', { payload: { mustFail: false, takesMs: 0 } });
    await backend.accept([task]);
    await until('the task runs', () => worker.journal.of('S').length === 1);

    worker.kill('SIGSTOP');
    const answer = await backend.cancelTask(task.envelope.id);
    worker.kill('SIGKILL');
    await worker.exit;
    const runner = new RecordedRunner().handle('work');
    await startDurable({ server: server(), queueName, runner, worker: { stalledIntervalMs: 100 } });
    await until('it has ended', async () => (await backend.findTask(task.envelope.id))!.endedAt !== undefined);

    expect(answer).toBe('requested');
    expect(await backend.findTask(task.envelope.id)).toMatchObject({ state: 'cancelled' });
    expect(runner.runs).toEqual([]);
  });

  it('cannot be cancelled while the server is away', async () => {
    const { backend } = await ready();
    await server().stop();

    await expect(backend.cancelTask('42')).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/^Task 42 could not be cancelled: .+\. Try again later\.$/) as string,
    });
  });

  async function ready(options = {}) {
    const durable = await startDurable({
      server: server(),
      queueName: `test-${randomUUID()}`,
      options,
      providers: [SweepHandler],
    });
    await untilReady(durable);
    return durable;
  }
});
