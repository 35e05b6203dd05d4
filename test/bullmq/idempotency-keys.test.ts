import { UnrecoverableError } from 'bullmq';
import { describe, expect, it } from 'vitest';
import type { BullMqOptions } from '../../src/bullmq/index.js';
import { deferred } from '../support/deferred.js';
import { type DurableApp, enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const ONE_SECOND = { age: 1 };

describe.each(servers)('B31 · an idempotency key in a quiet queue on $kind', { timeout: 20_000 }, ({ prepare }) => {
  const server = useServer(prepare);

  it('is free when the time that a succeeded task is kept has passed, and not before', async () => {
    const runner = new RecordedRunner().handle('send');
    const durable = await started(runner, { removeOnComplete: ONE_SECOND });

    await durable.backend.accept([keyed()]);
    const { finishedOn } = await finished(durable, 'completed');
    const [, second] = await enqueuedUntilItRan(durable, runner, 2);

    expect(second! - finishedOn).toBeGreaterThanOrEqual(1_000);
    expect(second! - finishedOn).toBeLessThan(3_000);
  });

  it('is free when the time that a failed task is kept has passed, and not before', async () => {
    const runner = new RecordedRunner().handle('send', () => {
      throw new UnrecoverableError('no');
    });
    const durable = await started(runner, { removeOnFail: ONE_SECOND });

    await durable.backend.accept([keyed()]);
    const { finishedOn } = await finished(durable, 'failed');
    const [, second] = await enqueuedUntilItRan(durable, runner, 2);

    expect(second! - finishedOn).toBeGreaterThanOrEqual(1_000);
    expect(second! - finishedOn).toBeLessThan(3_000);
  });

  it('is free after the time that the task itself says, whatever the module says', async () => {
    const runner = new RecordedRunner().handle('send');
    const durable = await started(runner);

    await durable.backend.accept([keyed({ removeOnComplete: ONE_SECOND })]);
    await finished(durable, 'completed');
    await enqueuedUntilItRan(durable, runner, 2, { removeOnComplete: ONE_SECOND });

    expect(runner.runs).toHaveLength(2);
  });

  it('makes one run of many enqueues at once when it has come free, from several processes', async () => {
    const runner = new RecordedRunner().handle('send');
    const durable = await started(runner, { removeOnComplete: ONE_SECOND });
    const web = await startDurable({
      server: server(),
      queueName: durable.queueName,
      options: { removeOnComplete: ONE_SECOND },
    });
    await untilReady(web);
    for (const round of [1, 2, 3]) {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) => (index % 2 ? web : durable).backend.accept([keyed()])),
      );
      await runner.ran(round);
      const { finishedOn } = await finished(durable, 'completed');
      await until('the time has passed', () => Date.now() > finishedOn + 1_000);
    }

    expect(runner.runs).toHaveLength(3);
  });

  it('is taken while its task runs, however short a time succeeded tasks are kept', async () => {
    const held = deferred();
    const runner = new RecordedRunner().handle('send', () => held.promise);
    const durable = await started(runner, { removeOnComplete: { age: 0 }, removeOnFail: { age: 0 } });
    await durable.backend.accept([keyed()]);
    await runner.ran(1);

    await durable.backend.accept([keyed()]);
    const count = await durable.backend.queue.getJobCountByTypes('waiting', 'active');
    held.resolve();

    expect(count).toBe(1);
  });

  it('is taken while its task waits for another attempt', async () => {
    const runner = new RecordedRunner().handle('send', () => {
      throw new Error('not yet');
    });
    const durable = await started(runner, { removeOnFail: { age: 0 } });
    const retried = { attempts: 2, backoff: 60_000 };
    await durable.backend.accept([keyed(retried)]);
    await until('it waits', async () => (await durable.backend.queue.getDelayedCount()) === 1);

    await durable.backend.accept([keyed(retried)]);

    expect(await durable.backend.queue.getJobCountByTypes('waiting', 'active', 'delayed')).toBe(1);
    expect(runner.runs).toHaveLength(1);
  });

  it('stays taken where succeeded tasks are kept without end', async () => {
    const runner = new RecordedRunner().handle('send');
    const durable = await started(runner, { removeOnComplete: false });
    await durable.backend.accept([keyed()]);
    await finished(durable, 'completed');

    await durable.backend.accept([keyed()]);

    expect(await durable.backend.queue.getJobCountByTypes('waiting', 'active')).toBe(0);
  });

  async function started(runner: RecordedRunner, options: Partial<BullMqOptions> = {}): Promise<DurableApp> {
    const durable = await startDurable({ server: server(), runner, worker: {}, options });
    await untilReady(durable);
    return durable;
  }
});

function keyed(settings = {}) {
  return enqueued('send', { idempotencyKey: 'daily', settings });
}

/** The only task of the queue that has ended so. */
async function finished({ backend }: DurableApp, state: 'completed' | 'failed'): Promise<{ finishedOn: number }> {
  await until(`the task is ${state}`, async () => (await backend.queue.getJobCountByTypes(state)) === 1);
  const [job] = await backend.queue.getJobs([state]);
  return { finishedOn: job!.finishedOn! };
}

/** Enqueues the key again and again until its task has run so often. Resolves with the moments of the runs. */
async function enqueuedUntilItRan({ backend }: DurableApp, runner: RecordedRunner, count: number, settings = {}) {
  await until(
    'it has run again',
    async () => {
      await backend.accept([keyed(settings)]);
      return runner.runs.length >= count;
    },
    20,
  );
  return runner.beganAt;
}
