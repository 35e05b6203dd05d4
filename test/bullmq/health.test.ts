import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BullMqHealth } from '../../src/bullmq/index.js';
import { BackendUnavailableError } from '../../src/index.js';
import { enqueued, startDurable, untilReady } from '../support/durable.js';
import { prepareRedis } from '../support/redis.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

describe.each(servers)('B32 · the health of $kind', ({ kind, prepare }) => {
  const server = useServer(prepare);

  it('is up, then down with a reason, then up again', async () => {
    const durable = await startDurable({ server: server() });
    const health = durable.app.get(BullMqHealth);
    await untilReady(durable);
    expect(await health.check()).toEqual({ status: 'up', reasons: [] });

    await server().stop();
    await until('the server is known to be down', () => durable.backend.unavailableBecause !== undefined);
    const { status, reasons } = await health.check();
    expect(status).toBe('down');
    expect(reasons).toEqual([expect.stringContaining(kind)]);

    await server().start();
    await untilReady(durable);
    expect(await health.check()).toEqual({ status: 'up', reasons: [] });
  });

  it('is down when it is frozen, in about two seconds', { timeout: 20_000 }, async () => {
    const durable = await startDurable({ server: server() });
    await untilReady(durable);
    server().freeze();

    const from = performance.now();
    const { status } = await durable.app.get(BullMqHealth).check();
    server().thaw();

    expect(status).toBe('down');
    expect(performance.now() - from).toBeLessThan(2_500);
  });
});

describe('B32 · a Redis that may lose what it accepted', () => {
  const server = useServer(() => prepareRedis());

  it.each([
    { setting: ['appendonly', 'no'], reset: ['appendonly', 'yes'], says: 'append-only file' },
    { setting: ['maxmemory-policy', 'allkeys-lru'], reset: ['maxmemory-policy', 'noeviction'], says: 'allkeys-lru' },
  ] as const)('is degraded, and says why: $setting', async ({ setting, reset, says }) => {
    const durable = await startDurable({ server: server() });
    const health = durable.app.get(BullMqHealth);
    await untilReady(durable);
    await configure(server().url, setting);

    const { status, reasons } = await health.check();
    await configure(server().url, reset);

    expect(status).toBe('degraded');
    expect(reasons).toEqual([expect.stringContaining(says)]);
    expect((await health.check()).status).toBe('up');
  });

  it('is down when its memory is full, for then it takes nothing', async () => {
    const durable = await startDurable({ server: server() });
    await untilReady(durable);
    await configure(server().url, ['maxmemory', '1']);

    const health = await durable.app.get(BullMqHealth).check();
    await configure(server().url, ['maxmemory', '0']);

    expect(health).toEqual({ status: 'down', reasons: [expect.stringContaining('maxmemory')] });
  });

  it('is down as a read-only replica, with one line until it takes tasks again', async () => {
    const durable = await startDurable({ server: server() });
    const health = durable.app.get(BullMqHealth);
    await untilReady(durable);
    const client = new Redis(server().url);
    onTestFinished(() => client.disconnect());

    await client.replicaof('127.0.0.1', 1);
    expect(await health.check()).toEqual({ status: 'down', reasons: [expect.stringContaining('read-only replica')] });
    for (let i = 0; i < 3; i++) await expect(durable.backend.accept([enqueued('send')])).rejects.toThrow(/READONLY/);
    expect(await health.check()).toEqual({ status: 'down', reasons: [expect.stringContaining('READONLY')] });
    await client.replicaof('NO', 'ONE');
    await untilReady(durable);
    await durable.backend.accept([enqueued('send')]);

    expect(durable.logs.errors.filter((line) => line.includes('takes no tasks'))).toHaveLength(1);
    expect(await health.check()).toEqual({ status: 'up', reasons: [] });
  });

  it('refuses tasks with a coded error when its memory is full, and holds none of a batch', async () => {
    const durable = await startDurable({ server: server() });
    await untilReady(durable);
    await durable.backend.accept([enqueued('send')]);
    await configure(server().url, ['maxmemory', '1']);

    const accepted = durable.backend.accept([enqueued('send'), enqueued('send')]);
    await expect(accepted).rejects.toThrow(BackendUnavailableError);
    await expect(accepted).rejects.toThrow(/OOM/);
    await configure(server().url, ['maxmemory', '0']);
    await untilReady(durable);
    await durable.backend.accept([enqueued('send')]);

    expect(await durable.backend.queue.getWaitingCount()).toBe(2);
  });
});

async function configure(url: string, [name, value]: readonly [string, string]): Promise<void> {
  const client = new Redis(url);
  await client.config('SET', name, value);
  client.disconnect();
}
