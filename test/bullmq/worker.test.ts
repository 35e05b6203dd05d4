import { UnrecoverableError } from 'bullmq';
import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { deferred } from '../support/deferred.js';
import { type DurableApp, enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const quick = { lockDurationMs: 400, stalledIntervalMs: 100 };

describe.each(servers)('B30, B33, B34 · a worker on $kind', { timeout: 30_000 }, ({ prepare }) => {
  const server = useServer(prepare);

  it('runs what another process enqueued, with the envelope as it was', async () => {
    const runner = new RecordedRunner().handle('send');
    const web = await startDurable({ server: server() });
    await startDurable({ server: server(), queueName: web.queueName, runner, worker: {} });
    await untilReady(web);
    const task = enqueued('send', { payload: { to: ['a', null, 1.5, { deep: '☃' }] } });

    await web.backend.accept([task]);
    await runner.ran(1);

    expect(runner.runs).toEqual([{ envelope: task.envelope, attempt: 1 }]);
    await ended(web, task.envelope.id, 'completed');
  });

  it('makes exactly the attempts asked for, counts them, and keeps the last error', async () => {
    const runner = new RecordedRunner().handle('send', (_envelope, { number }) => {
      throw new Error(`attempt ${number} failed\n${'line\n'.repeat(50)}${'x'.repeat(10_000)}`);
    });
    const durable = await started(runner);
    const retry = { attempts: 4, delayMs: 5, factor: 3, maxDelayMs: 20, jitter: 0 };
    const task = enqueued('send', { retry });

    await durable.backend.accept([task]);
    const job = await ended(durable, task.envelope.id, 'failed');

    expect(runner.runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(job.failedReason).toContain('attempt 4 failed');
    expect(job.failedReason.length).toBeLessThanOrEqual(2_048);
    expect(job.stacktrace).toHaveLength(4);
    expect(job.stacktrace!.every((stack) => stack.split('\n').length <= 10 && stack.length <= 2_048)).toBe(true);
  });

  it.each([
    { keep: { count: 2 }, kept: 2 },
    { keep: 3, kept: 3 },
    { keep: true, kept: 0 },
    { keep: false, kept: 4 },
  ])('keeps $kept of four ended tasks of a kind where the module says $keep', async ({ keep, kept }) => {
    const runner = new RecordedRunner().handle('send').handle('fail', () => {
      throw new UnrecoverableError('no');
    });
    const options = { removeOnComplete: keep, removeOnFail: keep };
    const durable = await startDurable({ server: server(), options, runner, worker: { concurrency: 1 } });
    await untilReady(durable);
    runner.handle('last');

    await durable.backend.accept(
      ['send', 'send', 'send', 'send', 'fail', 'fail', 'fail', 'fail'].map((name) => enqueued(name)),
    );
    // What outlives every rule shows that those before it have ended.
    const last = enqueued('last', { settings: { removeOnComplete: { count: 10 } } });
    await durable.backend.accept([last]);
    await ended(durable, last.envelope.id, 'completed');

    const { queue } = durable.backend;
    const names = (await queue.getJobs(['completed', 'failed'])).map(({ name }) => name);
    expect(names.filter((name) => name === 'send')).toHaveLength(kept);
    expect(names.filter((name) => name === 'fail')).toHaveLength(kept);
  });

  it('keeps a task for as long as it says itself, whatever the module says', async () => {
    const runner = new RecordedRunner().handle('send').handle('gone').handle('last');
    const options = { removeOnComplete: true };
    const durable = await startDurable({ server: server(), options, runner, worker: { concurrency: 1 } });
    await untilReady(durable);
    const kept = enqueued('send', { settings: { removeOnComplete: false } });

    await durable.backend.accept([enqueued('gone'), kept]);
    await ended(durable, kept.envelope.id, 'completed');

    const jobs = await durable.backend.queue.getJobs(['completed']);
    expect(jobs.map(({ name }) => name)).toEqual(['send']);
  });

  it('does not try again what is said to be hopeless', async () => {
    const runner = new RecordedRunner().handle('send', () => {
      throw new UnrecoverableError('no such order');
    });
    const durable = await started(runner);
    const task = enqueued('send');

    await durable.backend.accept([task]);
    const job = await ended(durable, task.envelope.id, 'failed');

    expect(runner.runs).toHaveLength(1);
    expect(job.failedReason).toBe('no such order');
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'no'],
    ['a frozen object', Object.freeze({ code: 1 })],
    ['an error that BullMQ would take for an order', Object.assign(new Error('later'), { name: 'DelayedError' })],
  ])('keeps %s that was thrown as an error', async (_what, thrown) => {
    const runner = new RecordedRunner().handle('send', () => {
      throw thrown;
    });
    const durable = await started(runner);
    const task = enqueued('send', { settings: { attempts: 1 } });

    await durable.backend.accept([task]);
    const job = await ended(durable, task.envelope.id, 'failed');

    expect(job.failedReason).not.toBe('');
  });

  it('treats a task that timed out like one that failed', async () => {
    const error = new DOMException('too slow', 'TimeoutError');
    const runner = new RecordedRunner().handle('send', ({ id, name }) => ({
      report: { id, name, state: 'timed-out', attempts: 1, durationMs: 5, error },
    }));
    const durable = await started(runner);
    const task = enqueued('send', { settings: { attempts: 2, backoff: 1 } });

    await durable.backend.accept([task]);
    const job = await ended(durable, task.envelope.id, 'failed');

    expect(runner.runs).toHaveLength(2);
    expect(job.failedReason).toBe('too slow');
  });

  it('passes progress on to the job', async () => {
    const runner = new RecordedRunner().handle('send', (_envelope, { progressed }) => {
      progressed({ percent: 50 });
    });
    const durable = await started(runner);
    const task = enqueued('send');

    await durable.backend.accept([task]);
    await ended(durable, task.envelope.id, 'completed');

    await until('the job has progress', async () => (await jobOf(durable, task.envelope.id))!.progress !== 0);

    expect((await jobOf(durable, task.envelope.id))!.progress).toEqual({ percent: 50 });
  });

  it('stores the last of many reports of progress, before the result', async () => {
    const runner = new RecordedRunner().handle('send', (_envelope, { progressed }) => {
      for (let percent = 1; percent <= 100; percent++) progressed(percent);
    });
    const durable = await startDurable({ server: server(), runner, worker: {} });
    await untilReady(durable);
    const { queue } = durable.backend;

    await durable.backend.accept(Array.from({ length: 20 }, () => enqueued('send')));
    await until('the jobs have completed', async () => (await queue.getCompletedCount()) === 20);

    const progress = (await queue.getCompleted()).map((job) => job.progress);
    expect(progress).toEqual(Array.from({ length: 20 }, () => 100));
  });

  it('leaves a task that it does not know to a worker that does, and counts no attempt', async () => {
    const old = new RecordedRunner().handle('old');
    const durable = await started(old);
    const task = enqueued('new', { settings: { attempts: 1 } });
    await durable.backend.accept([task, enqueued('old')]);
    await until('the job is delayed', async () => (await durable.backend.queue.getDelayedCount()) === 1);
    await durable.app.close();

    const runner = new RecordedRunner().handle('new');
    const next = await startDurable({ server: server(), queueName: durable.queueName, runner, worker: {} });
    await untilReady(next);
    await runner.ran(1);

    expect(runner.runs).toEqual([{ envelope: task.envelope, attempt: 1 }]);
    expect(durable.logs.warnings.filter((line) => line.includes('"new" goes back to the queue'))).toHaveLength(1);
  });

  it('leaves a task of a later version to a worker that knows it', async () => {
    const durable = await started(new RecordedRunner().handle('send'));

    await durable.backend.queue.add('send', { ...enqueued('send').envelope, v: 2, more: true });

    await until('the job is delayed', async () => (await durable.backend.queue.getDelayedCount()) === 1);
    expect(await durable.backend.queue.getFailedCount()).toBe(0);
  });

  const envelope = enqueued('send').envelope;
  it.each<[string, unknown]>([
    ['null', null],
    ['an array', [1, 2]],
    ['a number', 7],
    ['a megabyte', { text: 'x'.repeat(1_000_000) }],
    ['no version', { ...envelope, v: undefined }],
    ['a version of its own', { ...envelope, v: '1' }],
    ['no name', { ...envelope, name: undefined }],
    ['a name of a prototype', { ...envelope, name: '__proto__' }],
    ['a name that every object has', { ...envelope, name: 'constructor' }],
    ['a number for an id', { ...envelope, id: 7 }],
    ['an id of two lines', { ...envelope, id: 'a\n[Nest] ERROR b' }],
    ['an endless id', { ...envelope, id: 'x'.repeat(129) }],
    ['no payload', { ...envelope, payload: undefined }],
    ['a time limit that no timer takes', { ...envelope, context: { timeoutMs: 2 ** 31 } }],
    ['an array for a context', { ...envelope, context: [] }],
    ['a trace of numbers', { ...envelope, context: { trace: { traceparent: 1 } } }],
    ['a member that no task has', { ...envelope, extra: 1 }],
    [
      'a prototype in the payload',
      { ...envelope, payload: JSON.parse('{"a":[{"__proto__":{"admin":true}}]}') as unknown },
    ],
  ])('keeps a job as failed that holds %s, tries it once and goes on', async (_what, data) => {
    const runner = new RecordedRunner().handle('send');
    const durable = await started(runner);

    const { id } = await durable.backend.queue.add('send', data, { attempts: 5, jobId: `j${randomUUID()}` });
    await until('the job has failed', async () => (await durable.backend.queue.getFailedCount()) === 1);
    await durable.backend.accept([enqueued('send')]);
    await runner.ran(1);

    const job = await durable.backend.queue.getJob(id!);
    expect(job!.failedReason).toMatch(/^This job is no task: /);
    expect(job!.attemptsMade).toBe(1);
    expect(runner.runs).toHaveLength(1);
  });

  it('gives up a task that is found without its worker too often, keeps it, and runs the others', async () => {
    const held = deferred();
    const poison = new RecordedRunner().handle('poison', () => held.promise);
    const first = await startDurable({ server: server(), runner: poison, worker: { ...quick, closeTimeoutMs: 100 } });
    await untilReady(first);
    const task = enqueued('poison');
    await first.backend.accept([task]);
    await poison.ran(1);
    // What a crash looks like to the server: nobody renews the lock, and nobody says what became of the job.
    await first.app.close();

    const runner = new RecordedRunner().handle('poison').handle('send');
    const durable = await startDurable({
      server: server(),
      queueName: first.queueName,
      runner,
      worker: { ...quick, maxStalledCount: 0 },
    });
    await untilReady(durable);
    const job = await ended(durable, task.envelope.id, 'failed');
    await durable.backend.accept([enqueued('send')]);
    await runner.ran(1);
    held.resolve();

    expect(job.failedReason).toContain('stalled more than allowable limit');
    expect(runner.runs.map(({ envelope: { name } }) => name)).toEqual(['send']);
  });

  it('leaves what the shutdown stopped to another worker at once, and counts no attempt', async () => {
    const runner = new RecordedRunner().handle('send', ({ id, name }) => ({
      report: { id, name, state: 'abandoned', attempts: 1, durationMs: 5 },
      interruptedByShutdown: true,
    }));
    const held = deferred();
    runner.handle('hold', async ({ id, name }) => {
      await held.promise;
      return {
        report: { id, name, state: 'failed', attempts: 1, durationMs: 5, error: new Error('stopped') },
        interruptedByShutdown: true,
      };
    });
    const first = await started(runner);
    const task = enqueued('hold', { settings: { attempts: 1 } });
    await first.backend.accept([task]);
    await runner.ran(1);

    first.backend.pause();
    held.resolve();
    await until('the job waits', async () => (await (await jobOf(first, task.envelope.id))!.getState()) === 'waiting');
    await first.app.close();
    const other = new RecordedRunner().handle('hold');
    await startDurable({ server: server(), queueName: first.queueName, runner: other, worker: {} });
    await other.ran(1);

    expect(other.runs).toEqual([{ envelope: task.envelope, attempt: 1 }]);
  });

  it('begins nothing once the drain has begun, and stores what it has done', async () => {
    const held = deferred();
    const runner = new RecordedRunner().handle('send', () => held.promise);
    const durable = await started(runner, { concurrency: 1 });
    const [first, second] = [enqueued('send'), enqueued('send')];
    await durable.backend.accept([first, second]);
    await runner.ran(1);

    durable.backend.pause();
    held.resolve();
    await ended(durable, first.envelope.id, 'completed');
    await durable.app.close();

    expect(runner.runs).toHaveLength(1);
    const look = await startDurable({ server: server(), queueName: durable.queueName });
    await untilReady(look);
    expect(await (await jobOf(look, second.envelope.id))!.getState()).toBe('waiting');
  });

  it('stores the progress and the result of a task that has ended when it closes', async () => {
    const over = deferred();
    const runner = new RecordedRunner().handle('send', (_envelope, { progressed }) => progressed(100));
    const run = runner.run.bind(runner);
    vi.spyOn(runner, 'run').mockImplementation(async (...given) => {
      const result = await run(...given);
      over.resolve();
      return result;
    });
    const durable = await started(runner);
    const task = enqueued('send');
    await durable.backend.accept([task]);
    await over.promise;

    await durable.app.close();

    expect(durable.logs.errors).toEqual([]);
    const look = await startDurable({ server: server(), queueName: durable.queueName });
    await untilReady(look);
    const job = (await jobOf(look, task.envelope.id))!;
    expect([await job.getState(), job.progress]).toEqual(['completed', 100]);
  });

  async function started(runner: RecordedRunner, worker = {}): Promise<DurableApp> {
    const durable = await startDurable({ server: server(), runner, worker: { ...quick, ...worker } });
    await untilReady(durable);
    return durable;
  }
});

function jobOf({ backend }: DurableApp, id: string) {
  return backend.queue.getJob(`t${id}`);
}

async function ended(durable: DurableApp, id: string, state: 'completed' | 'failed') {
  await until(`the job is ${state}`, async () => (await (await jobOf(durable, id))?.getState()) === state);
  return (await jobOf(durable, id))!;
}
