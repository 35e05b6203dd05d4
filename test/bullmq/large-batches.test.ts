import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackendUnavailableError, BatchTooLargeError } from '../../src/index.js';
import { type DurableApp, enqueued, startDurable, untilReady } from '../support/durable.js';
import { preparePostgres } from '../support/postgres.js';
import { prepareRedis } from '../support/redis.js';
import { servers, useServer } from '../support/servers.js';
import { timed } from '../support/timed.js';
import { until } from '../support/until.js';

describe.each(servers)('B32 · a large batch on $kind', { timeout: 40_000 }, ({ prepare }) => {
  const server = useServer(prepare);

  it.each([
    { count: 1_000, bytes: 60_000, wrong: '8388608 bytes' },
    { count: 9_900, bytes: 10_000, wrong: '5000 tasks' },
    { count: 1, bytes: 9_000_000, wrong: '8388608 bytes' },
    { count: 5_001, bytes: 10, wrong: '5000 tasks' },
  ])('of $count times $bytes bytes is refused alone, and harms nobody else', async ({ count, bytes, wrong }) => {
    const durable = await running();
    const others = streamOfSmallOnes(durable);
    await until('others are enqueued', () => others.accepted > 10);

    const { error } = await timed(() => durable.backend.accept(batchOf(count, bytes)));
    const before = others.accepted;
    await until('others are still enqueued', () => others.accepted > before + 10);
    await others.stop();

    expect(error).toBeInstanceOf(BatchTooLargeError);
    expect((error as BatchTooLargeError).code).toBe('BATCH_TOO_LARGE');
    expect((error as BatchTooLargeError).message).toContain(wrong);
    expect(others.refused).toEqual([]);
    expect(durable.logs.errors).toEqual([]);
    expect(await durable.backend.queue.getWaitingCount()).toBe(others.accepted);
  });

  it.each([
    { count: 5_000, bytes: 100 },
    { count: 130, bytes: 60_000 },
    { count: 5_000, bytes: 1_400 },
  ])('of $count times $bytes bytes is accepted, and others beside it', async ({ count, bytes }) => {
    const durable = await running();
    const others = streamOfSmallOnes(durable);
    await until('others are enqueued', () => others.accepted > 10);

    await durable.backend.accept(batchOf(count, bytes));
    await others.stop();

    expect(others.refused).toEqual([]);
    expect(durable.logs.errors).toEqual([]);
    expect(await durable.backend.queue.getWaitingCount()).toBe(count + others.accepted);
  });

  async function running(): Promise<DurableApp> {
    const durable = await startDurable({ server: server() });
    await untilReady(durable);
    return durable;
  }
});

describe('B32 · a batch that takes Redis too long', () => {
  const server = useServer(() => prepareRedis());

  it('is refused as not confirmed, and is no outage', async () => {
    const durable = await startDurable({ server: server(), options: { acceptTimeoutMs: 250 } });
    await untilReady(durable);

    // No server takes so much in so little time.
    const { error } = await timed(() => durable.backend.accept(batchOf(5_000, 1_400)));

    expect(error).toBeInstanceOf(BackendUnavailableError);
    expect((error as Error).message).toContain('It may still run');
    expect(durable.backend.unavailableBecause).toBeUndefined();
  });
});

describe('B32 · a batch that PostgreSQL does not answer', () => {
  const server = useServer(preparePostgres);

  it('is refused as not confirmed, while others are accepted', async () => {
    const durable = await startDurable({ server: server(), options: { acceptTimeoutMs: 500 } });
    await untilReady(durable);
    await lock(server().url, `bullmq:dedup:${durable.queueName}:held`);
    const others = streamOfSmallOnes(durable);
    await until('others are enqueued', () => others.accepted > 0);

    const held = enqueued('send', { settings: { deduplication: { id: 'held' } } });
    const { error } = await timed(() => durable.backend.accept([held]));
    await others.stop();

    expect(error).toBeInstanceOf(BackendUnavailableError);
    expect(others.refused).toEqual([]);
    expect(durable.logs.errors).toEqual([]);
  });
});

/** Takes the lock that BullMQ takes for a key of its deduplication. */
async function lock(url: string, key: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('SELECT pg_advisory_lock(hashtext($1))', [key]);
}

function small() {
  return enqueued('small', { payload: { to: 'a' } });
}

/** No two alike: a server compresses what repeats itself. */
function batchOf(count: number, bytes: number) {
  const text = Array.from({ length: bytes / 10 }, () => Math.random().toFixed(9).slice(1)).join('');
  return Array.from({ length: count }, () => enqueued('send', { payload: { text } }));
}

/** Other requests, one after another, until it is stopped. */
function streamOfSmallOnes({ backend }: DurableApp) {
  let isOver = false;
  const stream = { accepted: 0, refused: [] as unknown[], stop: () => ((isOver = true), ended) };
  const run = async () => {
    while (!isOver) {
      const { error } = await timed(() => backend.accept([small()]));
      if (error === undefined) stream.accepted++;
      else stream.refused.push(error);
    }
  };
  const ended = run();
  return stream;
}
