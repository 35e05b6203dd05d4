import { describe, expect, it, vi } from 'vitest';
import { enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { hostileErrors } from '../support/hostile-errors.js';
import { raise, revoked, trapped } from '../support/hostile-values.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';
import { until } from '../support/until.js';
import { servers, useServer } from '../support/servers.js';

describe.each(servers)('B31 · a task that fails on $kind, whatever it throws,', { timeout: 30_000 }, ({ prepare }) => {
  const server = useServer(prepare);

  it.each([
    ['a NUL', new Error('in a file: \0')],
    ['half of a pair', new Error('name \ud800 and more')],
    ['a pair where the text is cut', new Error(`${'x'.repeat(2_047)}😀`)],
    ['a NUL that is no error', 'no \0'],
    ["the message of BullMQ's own rate limit", new Error('bullmq:rateLimitExceeded')],
  ])('runs once, and is kept with its reason: %s', async (_what, thrown) => {
    const runner = new RecordedRunner().handle('fail', () => {
      throw thrown;
    });
    const durable = await startDurable({ server: server(), runner, worker: {} });
    await untilReady(durable);
    const task = enqueued('fail', { settings: { attempts: 1 } });

    await durable.backend.accept([task]);
    await until(
      'the job has failed, or has begun again',
      async () => runner.runs.length > 1 || (await durable.backend.queue.getFailedCount()) === 1,
    );

    const job = await durable.backend.queue.getJob(`t${task.envelope.id}`);
    expect(runner.runs).toHaveLength(1);
    expect(job!.failedReason.length).toBeGreaterThan(3);
  });

  it.each(hostileErrors)('fails once, with a reason: $what', async ({ make }) => {
    const runner = new RecordedRunner().handle('fail', () => raise(make()));
    const durable = await startDurable({ server: server(), runner, worker: {} });
    await untilReady(durable);
    const task = enqueued('fail', { settings: { attempts: 1 } });

    await durable.backend.accept([task]);
    await until('the job has failed', async () => (await durable.backend.queue.getFailedCount()) === 1);

    const job = await durable.backend.queue.getJob(`t${task.envelope.id}`);
    expect(runner.runs).toHaveLength(1);
    expect(job!.failedReason).not.toBe('');
  });

  it('runs to its end where its progress throws when it is stored, whatever that throws', async () => {
    const rejections = new UnhandledRejections();
    const throwing = hostileErrors.map(({ make }) => ({ toJSON: () => raise(make()) }));
    const runner = new RecordedRunner().handle('send', (_envelope, { progressed }) => {
      for (const progress of [...throwing, revoked({}), trapped({}, ['get'])]) progressed(progress);
    });
    const durable = await startDurable({ server: server(), runner, worker: {} });
    await untilReady(durable);

    await durable.backend.accept([enqueued('send')]);
    await until('the job has completed', async () => (await durable.backend.queue.getCompletedCount()) === 1);

    expect(runner.runs).toHaveLength(1);
    expect(await rejections.count()).toBe(0);
  });

  it('runs, and fails, and is put aside, and an outage passes, while the logger throws', async () => {
    const rejections = new UnhandledRejections();
    const runner = new RecordedRunner().handle('send').handle('fail', () => raise(new Error('no')));
    const durable = await startDurable({ server: server(), runner, worker: {} });
    for (const level of ['log', 'warn', 'error'] as const) {
      vi.spyOn(durable.logs, level).mockImplementation(() => raise(new Error('disk full')));
    }
    await untilReady(durable);

    await durable.backend.accept([enqueued('fail', { settings: { attempts: 1 } }), enqueued('unknown')]);
    await durable.backend.queue.add('send', null);
    await until('both have failed', async () => (await durable.backend.queue.getFailedCount()) === 2);
    await server().stop();
    await until('the server is known to be down', () => durable.backend.unavailableBecause !== undefined);
    await server().start();
    await untilReady(durable);
    await durable.backend.accept([enqueued('send')]);
    await runner.ran(2);

    expect(await rejections.count()).toBe(0);
  });

  it('forges no line of the log with the id of its job', async () => {
    const durable = await startDurable({ server: server(), runner: new RecordedRunner(), worker: {} });
    await untilReady(durable);

    await durable.backend.queue.add('send', null, { jobId: 'a\n[Nest] ERROR b' });
    await until('the job has failed', async () => (await durable.backend.queue.getFailedCount()) === 1);

    expect(durable.logs.errors).toEqual([expect.stringContaining('Job "a\\n[Nest] ERROR b" is no task of ours')]);
  });

  it('runs to its end where its progress cannot be stored', async () => {
    const runner = new RecordedRunner().handle('send', (_envelope, { progressed }) => {
      for (const progress of ['\0', '\ud800', 1n, undefined]) progressed(progress);
    });
    const durable = await startDurable({ server: server(), runner, worker: {} });
    await untilReady(durable);

    await durable.backend.accept([enqueued('send')]);
    await until('the job has completed', async () => (await durable.backend.queue.getCompletedCount()) === 1);

    expect(runner.runs).toHaveLength(1);
  });
});
