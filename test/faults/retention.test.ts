import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type DurableApp, enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { until } from '../support/until.js';
import { prepareRedis } from '../support/redis.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';
import { servers, useServer } from '../support/servers.js';
import type { TestServer } from '../support/test-server.js';

/** What the module keeps unless it is told otherwise. */
const KEPT = 1_000;
const BATCH = 500;
const CONCURRENCY = 50;

describe.each(servers)('B34 · of the tasks that succeeded $kind', { timeout: 120_000 }, ({ kind, prepare }) => {
  const server = useServer(prepare);

  it('keeps the latest thousand', async () => {
    const queue = await Succeeding.on(server());
    await queue.add(kind === 'Redis' ? 3_000 : 1_500);
    // On PostgreSQL those that end at the same moment do not see one another.
    expect(await queue.kept()).toBeLessThanOrEqual(KEPT + (kind === 'Redis' ? 0 : CONCURRENCY));

    await queue.add(1);

    expect(await queue.kept()).toBe(KEPT);
    expect(await queue.keeps(queue.ids[0]!)).toBe(false);
    expect(await queue.keeps(queue.ids.at(-1)!)).toBe(true);
  });
});

describe('B34 · the memory of Redis', { timeout: scaled(60_000, 600_000) }, () => {
  const server = useServer(() => prepareRedis());

  it('does not grow with the number of tasks that have succeeded', async () => {
    const [some, many] = [scaled(4_000, 10_000), scaled(8_000, 100_000)];
    const queue = await Succeeding.on(server());
    const client = new Redis(server().url);
    onTestFinished(() => client.disconnect());
    const megabytes = async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1]) / 2 ** 20;

    await queue.add(some);
    const before = { keys: await client.dbsize(), megabytes: await megabytes() };
    await queue.add(many - some);
    const after = { keys: await client.dbsize(), megabytes: await megabytes() };

    report(
      `Redis uses ${before.megabytes.toFixed(1)} MB after ${some} named tasks, ${after.megabytes.toFixed(1)} after ${many}`,
    );
    expect(after.keys).toBe(before.keys);
    expect(after.megabytes).toBeLessThan(before.megabytes * 1.25);
  });
});

/** A queue whose tasks all succeed, with a worker in this process. */
class Succeeding {
  readonly ids: string[] = [];

  static async on(server: TestServer): Promise<Succeeding> {
    const runner = new RecordedRunner().handle('work');
    const durable = await startDurable({ server, runner, worker: { concurrency: CONCURRENCY } });
    await untilReady(durable);
    return new Succeeding(durable);
  }

  constructor(private readonly durable: DurableApp) {}

  /** Resolves once all of them have ended, and so does not fill the queue. */
  async add(count: number): Promise<void> {
    const { backend } = this.durable;
    for (let left = count; left > 0; left -= BATCH) {
      const tasks = Array.from({ length: Math.min(left, BATCH) }, () => enqueued('work'));
      await backend.accept(tasks);
      this.ids.push(...tasks.map(({ envelope }) => envelope.id));
      await until('no job is left', async () => (await backend.queue.getJobCountByTypes('waiting', 'active')) === 0);
    }
  }

  kept(): Promise<number> {
    return this.durable.backend.queue.getCompletedCount();
  }

  async keeps(id: string): Promise<boolean> {
    return (await this.durable.backend.queue.getJob(`t${id}`)) !== undefined;
  }
}
