import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { countRoundTrips } from '../support/counting-proxy.js';
import { enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

describe.each(servers)('B29, B31 · accepting tasks on $kind', ({ prepare }) => {
  const server = useServer(prepare);

  it.each([1, 10])('takes one round trip for %i tasks', async (count) => {
    const { url, options } = server();
    const proxy = await countRoundTrips(Number(new URL(url).port));
    const proxied = new URL(url);
    proxied.port = String(proxy.port);
    const throughProxy =
      'connection' in options ? { connection: proxied.href } : { ...options, postgres: proxied.href };
    const durable = await startDurable({ server: { options: throughProxy } });
    await untilReady(durable);
    // The first one loads the script, or opens a connection.
    await durable.backend.accept([enqueued('send')]);
    // BullMQ writes this once for a queue, at the same time as the first task.
    await until('the queue is described', async () => (await durable.backend.queue.getMeta()).version !== undefined);
    const before = proxy.roundTrips;

    await durable.backend.accept(Array.from({ length: count }, () => enqueued('send')));

    expect(proxy.roundTrips - before).toBe(1);
    expect(await durable.backend.queue.getWaitingCount()).toBe(count + 1);
  });

  it('accepts as soon as the application has been built', async () => {
    const durable = await startDurable({ server: server() });

    await durable.backend.accept([enqueued('send')]);

    expect(await durable.backend.queue.getWaitingCount()).toBe(1);
  });

  it('makes one job of one key, however often and at once it is enqueued', async () => {
    const durable = await startDurable({ server: server() });
    await untilReady(durable);
    const key = () => enqueued('send', { idempotencyKey: 'order:7' });

    await Promise.all(Array.from({ length: 50 }, () => durable.backend.accept([key()])));
    await durable.backend.accept([key(), key()]);

    expect(await durable.backend.queue.getWaitingCount()).toBe(1);
  });

  it.each(['a:b:c', '0', '12345', '', 'x'.repeat(10_000), '☃'])(
    'takes any string for a key: %#',
    async (idempotencyKey) => {
      const durable = await startDurable({ server: server() });
      await untilReady(durable);

      await durable.backend.accept([enqueued('send', { idempotencyKey })]);
      await durable.backend.accept([enqueued('send', { idempotencyKey })]);

      expect(await durable.backend.queue.getWaitingCount()).toBe(1);
    },
  );

  it('keeps two tasks of one key apart if their names differ', async () => {
    const durable = await startDurable({ server: server() });
    await untilReady(durable);

    await durable.backend.accept([
      enqueued('send', { idempotencyKey: '7' }),
      enqueued('ship', { idempotencyKey: '7' }),
    ]);

    expect(await durable.backend.queue.getWaitingCount()).toBe(2);
  });

  it('runs a task of one key once, also while it is active and after it has ended', async () => {
    const runner = new RecordedRunner().handle('send');
    const durable = await startDurable({ server: server(), runner, worker: {} });
    await untilReady(durable);
    runner.handle('send', async () => {
      await durable.backend.accept([enqueued('send', { idempotencyKey: '7' })]);
    });

    await durable.backend.accept([enqueued('send', { idempotencyKey: '7' })]);
    await runner.ran(1);
    await durable.backend.accept([enqueued('send', { idempotencyKey: '7' })]);
    runner.handle('last');
    await durable.backend.accept([enqueued('last')]);
    await runner.ran(2);

    expect(runner.runs.map(({ envelope }) => envelope.name)).toEqual(['send', 'last']);
  });

  it('hands over what the task says to BullMQ, the call before the definition before the module', async () => {
    const durable = await startDurable({ server: server(), options: { attempts: 7 } });
    await untilReady(durable);
    const retry = { attempts: 5, delayMs: 10, factor: 2, maxDelayMs: 30_000, jitter: 0 };
    const tasks = [
      enqueued('plain'),
      enqueued('retried', { retry }),
      enqueued('told', {
        retry,
        settings: { attempts: 2, priority: 3, delay: 60_000, backoff: { type: 'fixed', delay: 5 } },
      }),
    ];

    await durable.backend.accept(tasks);

    const jobs = await Promise.all(tasks.map(({ envelope }) => durable.backend.queue.getJob(`t${envelope.id}`)));
    expect(jobs.map((job) => job!.opts.attempts)).toEqual([7, 5, 2]);
    expect(jobs[0]!.opts.backoff).toEqual({ type: 'exponential', delay: 1_000, jitter: 0.5 });
    expect(jobs[1]!.opts.backoff).toEqual({ type: 'exponential', delay: 10, jitter: 0 });
    expect(jobs[2]!.opts).toMatchObject({ backoff: { type: 'fixed', delay: 5 }, priority: 3, delay: 60_000 });
    expect(jobs[0]!.data).toEqual(tasks[0]!.envelope);
  });

  it('shares a server with the queues of other names', async () => {
    const [one, other] = [
      await startDurable({ server: server() }),
      await startDurable({ server: server(), queueName: randomUUID() }),
    ];
    await Promise.all([untilReady(one), untilReady(other)]);

    await one.backend.accept([enqueued('send')]);

    expect(await other.backend.queue.getWaitingCount()).toBe(0);
  });
});

describe('B29, B31 · accepting tasks, whatever the server', () => {
  it('accepts nothing for an empty batch, and asks nobody', async () => {
    const durable = await startDurable({ server: { options: { connection: 'redis://127.0.0.1:1' } } });

    await expect(durable.backend.accept([])).resolves.toBeUndefined();
  });
});
