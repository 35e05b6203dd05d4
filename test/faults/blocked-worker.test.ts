import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Redis } from 'ioredis';
import { startChild } from '../support/child-app.js';
import { deferred } from '../support/deferred.js';
import { enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { until } from '../support/until.js';
import { prepareRedis } from '../support/redis.js';
import { servers, useServer } from '../support/servers.js';
import type { TestServer } from '../support/test-server.js';

const quick = { lockDurationMs: 200, stalledIntervalMs: 50 };

describe.each(servers)(
  'B31, B33 · a worker on $kind whose event loop is blocked',
  { timeout: 60_000 },
  ({ prepare }) => {
    const server = useServer(prepare);

    it('loses its task to another one, says so by name, and leaves the result of the other alone', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'blocked-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      const released = join(folder, 'released');
      const web = await startDurable({ server: server() });
      await untilReady(web);
      const task = enqueued('work', { payload: { mustFail: false, takesMs: 0 } });
      await web.backend.accept([task]);
      const { url } = server();
      const child = startChild('durable', {
        env: { SERVER: url, QUEUE: web.queueName, ROLE: 'worker', BLOCK_UNTIL: released },
      });
      await until('the task has begun', () => child.journal.of('S').length === 1);

      const runner = new RecordedRunner().handle('work');
      await startDurable({ server: server(), queueName: web.queueName, runner, worker: quick });
      await until('the job has completed', async () => (await web.backend.queue.getCompletedCount()) === 1);
      const result = await web.backend.queue.getJob(`t${task.envelope.id}`);
      await writeFile(released, '');
      await until('the worker has logged twice', () => child.journal.of('L').length >= 2);
      child.kill('SIGTERM');
      await child.exit;

      const named = `"work" (id ${task.envelope.id})`;
      expect(child.journal.of('L')).toEqual([
        expect.stringMatching(/^warn The event loop was blocked for \d+\.\d s/),
        expect.stringMatching(/^error Task .* lost its lock/),
      ]);
      expect(child.journal.of('L').every((line) => line.includes(named))).toBe(true);
      expect(child.journal.of('S')).toHaveLength(1);
      expect(runner.runs).toHaveLength(1);
      const { finishedOn, returnvalue } = (await web.backend.queue.getJob(`t${task.envelope.id}`))!;
      expect({ finishedOn, returnvalue }).toEqual({ finishedOn: result!.finishedOn, returnvalue: result!.returnvalue });
      expect(await web.backend.queue.getJobCounts('waiting', 'active', 'failed')).toEqual({
        waiting: 0,
        active: 0,
        failed: 0,
      });
    });

    it('records one success of a task that blocked it once', async () => {
      const runner = new RecordedRunner().handle('work', () => {
        if (runner.runs.length === 1) block(quick.lockDurationMs * 3);
      });
      const { backend } = await started(server(), runner, { maxStalledCount: 50 });

      await backend.accept([enqueued('work')]);
      await until('the job has completed', async () => (await backend.queue.getCompletedCount()) === 1);

      expect(await backend.queue.getJobCounts('waiting', 'active', 'failed')).toEqual({
        waiting: 0,
        active: 0,
        failed: 0,
      });
    });

    it('says nothing of what is short beside the lock', async () => {
      const runner = new RecordedRunner().handle('work', () => block(200));
      const { backend, logs } = await started(server(), runner, { lockDurationMs: 30_000 });

      await backend.accept([enqueued('work')]);
      await until('the job has completed', async () => (await backend.queue.getCompletedCount()) === 1);

      expect(logs.warnings.filter((line) => line.includes('event loop was blocked'))).toEqual([]);
    });
  },
);

describe('B33 · a worker on Redis', { timeout: 60_000 }, () => {
  const server = useServer(() => prepareRedis());

  it('keeps a task as failed that blocks its event loop every time, and names it once for each of them', async () => {
    const runner = new RecordedRunner().handle('work', () => block(quick.lockDurationMs * 3));
    const { backend, logs } = await started(server(), runner, { maxStalledCount: 1 });

    const task = enqueued('work');
    await backend.accept([task]);
    await until('the job has failed', async () => (await backend.queue.getFailedCount()) === 1);

    const [failed] = await backend.queue.getFailed();
    expect(failed!.failedReason).toContain('stalled more than allowable limit');
    expect(runner.runs).toHaveLength(2);
    expect(logs.warnings.filter((line) => line.includes('event loop was blocked'))).toHaveLength(2);
    expect(logs.errors.filter((line) => line.includes(`(id ${task.envelope.id}) lost its lock`))).toHaveLength(2);
  });
});

describe('B33 · a worker on Redis whose lock is taken away while its task waits', { timeout: 60_000 }, () => {
  const server = useServer(() => prepareRedis());

  it('says by name that it is lost, once', async () => {
    const gate = deferred();
    const runner = new RecordedRunner().handle('work', () => gate.promise);
    const { backend, logs, queueName } = await started(server(), runner, { maxStalledCount: 50 });
    const task = enqueued('work');
    await backend.accept([task]);
    await runner.ran(1);
    const client = new Redis(server().url);
    onTestFinished(() => client.disconnect());

    // For as long as it takes: a renewal may be between its question and its answer. Not that of the run that follows.
    const lock = `bull:${queueName}:t${task.envelope.id}:lock`;
    const holder = (await client.get(lock))!;
    const isLost = (line: string) => line.includes(`(id ${task.envelope.id}) lost its lock`);
    await until('the loss of the lock is logged', async () => {
      await client.eval(
        "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end",
        1,
        lock,
        holder,
      );
      return logs.errors.some(isLost);
    });
    gate.resolve();
    await until('the job has completed', async () => (await backend.queue.getCompletedCount()) === 1);

    expect(logs.errors.filter(isLost)).toHaveLength(1);
    expect(logs.warnings.filter((line) => line.includes('event loop was blocked'))).toEqual([]);
  });
});

async function started(server: TestServer, runner: RecordedRunner, worker: object) {
  const durable = await startDurable({ server, runner, worker: { ...quick, ...worker } });
  await untilReady(durable);
  return durable;
}

function block(forMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs);
}
