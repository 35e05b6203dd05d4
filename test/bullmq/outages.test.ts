import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { BackendUnavailableError } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { type DurableApp, enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { servers, useServer } from '../support/servers.js';
import type { TestServer } from '../support/test-server.js';
import { timed } from '../support/timed.js';
import { until } from '../support/until.js';

describe.each(servers)('B32 · when $kind', { timeout: 20_000 }, ({ prepare }) => {
  const prepared = useServer(prepare);
  let server: TestServer;
  beforeEach(() => {
    server = prepared();
  });

  it('is absent at boot: the application boots, refuses at once, and accepts once it is there', async () => {
    await server.stop();
    const durable = await startDurable({ server });
    await until('an error is logged', () => durable.logs.errors.length > 0);

    const { medianMs, errors } = await refusals(durable, 100);

    expect(errors).toHaveLength(100);
    expect(errors.every((error) => error instanceof BackendUnavailableError)).toBe(true);
    expect(medianMs).toBeLessThan(100);
    expect(() => durable.backend.assertReady()).toThrow(BackendUnavailableError);

    await server.start();
    const backMs = await usableAgainMs(durable);

    expect(backMs).toBeLessThan(3_000);
    expect(durable.logs.errors).toHaveLength(1);
    expect(await waiting(durable)).toBe(1);
  });

  it.each(['stop', 'kill'] as const)(
    'is gone by "%s" while running: refuses at once, logs one line, and is found when it is back',
    async (how) => {
      const durable = await running(server);
      await server[how]();
      await until('the server is known to be down', () => durable.backend.unavailableBecause !== undefined);

      const { medianMs, errors } = await refusals(durable, 100);

      expect(errors).toHaveLength(100);
      expect(medianMs).toBeLessThan(100);

      await server.start();
      expect(await usableAgainMs(durable)).toBeLessThan(3_000);
      expect(durable.logs.errors).toHaveLength(1);
      expect(await waiting(durable)).toBe(1);
    },
  );

  it('is frozen: refuses in 2.5 s, then at once, and withdraws what arrives when it thaws', async () => {
    const durable = await running(server);
    server.freeze();
    onTestFinished(() => server.thaw());
    const batch = Array.from({ length: 20 }, (_, index) =>
      enqueued('send', index % 2 ? {} : { idempotencyKey: `order-${index}` }),
    );

    const attempts = await Promise.all(batch.map((task) => timed(() => durable.backend.accept([task]))));

    expect(attempts.filter(({ error }) => !(error instanceof BackendUnavailableError))).toEqual([]);
    expect(Math.max(...attempts.map(({ ms }) => ms))).toBeLessThan(2_500);
    const { medianMs } = await refusals(durable, 100);
    expect(medianMs).toBeLessThan(100);

    server.thaw();
    await untilReady(durable);

    expect(await waiting(durable)).toBe(0);
    expect(durable.logs.warnings.join()).toContain('Withdrew 20 task(s)');

    const [keyed] = batch;
    await durable.backend.accept([{ ...keyed!, envelope: { ...keyed!.envelope, id: randomUUID() } }]);
    await durable.backend.accept([{ ...keyed!, envelope: { ...keyed!.envelope, id: randomUUID() } }]);
    expect(await waiting(durable)).toBe(1);
  });

  it('is frozen: is usable within 3 s of the thaw', async () => {
    const durable = await running(server);
    server.freeze();
    onTestFinished(() => server.thaw());
    await durable.backend.accept([enqueued('send')]).catch(() => undefined);

    server.thaw();

    expect(await usableAgainMs(durable)).toBeLessThan(3_000);
  });

  it('is gone while a worker is at work: the worker finds it again, and says little', async () => {
    const after = deferred();
    const runner = new RecordedRunner().handle('send').handle('after', () => after.resolve());
    const durable = await startDurable({ server, runner, worker: { lockDurationMs: 1_000, stalledIntervalMs: 500 } });
    await untilReady(durable);
    await durable.backend.accept([enqueued('send')]);
    await runner.ran(1);

    await server.kill();
    await until('the server is known to be down', () => durable.backend.unavailableBecause !== undefined);
    await server.start();
    await untilReady(durable);
    await durable.backend.accept([enqueued('after')]);
    // Not the next run: that may be the first task's, once more.
    await after.promise;

    expect(durable.logs.errors.length).toBeLessThanOrEqual(2);
  });

  it('is gone at shutdown: closing does not hang', async () => {
    const held = deferred();
    const runner = new RecordedRunner().handle('hold', () => held.promise);
    const durable = await startDurable({ server, runner, worker: { closeTimeoutMs: 500 } });
    await untilReady(durable);
    await durable.backend.accept([enqueued('hold')]);
    await runner.ran(1);
    await server.kill();
    onTestFinished(() => server.start());

    durable.backend.pause();
    const { ms, error } = await timed(() => durable.app.close());

    expect(error).toBeUndefined();
    expect(ms).toBeLessThan(2_000);
    expect(durable.logs.errors.join()).toContain('Shutdown left 1 task(s) running');
    held.resolve();
  });

  it('is frozen at shutdown: closing does not hang', async () => {
    const runner = new RecordedRunner().handle('send');
    const durable = await startDurable({ server, runner, worker: { closeTimeoutMs: 500 } });
    await untilReady(durable);
    await durable.backend.accept([enqueued('send')]);
    await runner.ran(1);
    server.freeze();
    onTestFinished(() => server.thaw());

    const { ms, error } = await timed(() => durable.app.close());

    expect(error).toBeUndefined();
    expect(ms).toBeLessThan(2_000);
  });
});

async function running(server: TestServer): Promise<DurableApp> {
  const durable = await startDurable({ server });
  await untilReady(durable);
  return durable;
}

async function refusals({ backend }: DurableApp, count: number) {
  const attempts = [];
  for (let index = 0; index < count; index += 1) attempts.push(await timed(() => backend.accept([enqueued('send')])));
  const times = attempts.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return {
    medianMs: times[count / 2]!,
    errors: attempts.map(({ error }) => error).filter((error) => error !== undefined),
  };
}

/** From now until a task is accepted. */
async function usableAgainMs({ backend }: DurableApp): Promise<number> {
  const from = performance.now();
  await until(
    'a task is accepted',
    async () => (await timed(() => backend.accept([enqueued('send')]))).error === undefined,
  );
  return performance.now() - from;
}

async function waiting({ backend }: DurableApp): Promise<number> {
  return backend.queue.getWaitingCount();
}
