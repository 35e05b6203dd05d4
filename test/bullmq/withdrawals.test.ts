import { describe, expect, it } from 'vitest';
import { BullMqLog } from '../../src/bullmq/bullmq-log.js';
import type { NewJob, TaskQueue } from '../../src/bullmq/server/job-server.js';
import { Withdrawals } from '../../src/bullmq/server/withdrawals.js';

describe('B32 · withdrawals from a server that leaves half-way', () => {
  it('tell of what had started once, and ask again for the rest', async () => {
    const withdrawals = new Withdrawals();
    withdrawals.add([job('a'), job('b')]);
    const told: string[][] = [];
    const log = new BullMqLog('Redis');
    log.withdrawn = (...all) => void told.push(all.map((jobs) => jobs.map(({ opts }) => opts.jobId).join()));
    let isGone = true;
    const queue = {
      getJob: async (id: string) => {
        if (id === 'b' && isGone) throw new Error('Connection is closed.');
        return { data: { id }, attemptsStarted: 1 };
      },
    } as unknown as TaskQueue;

    await expect(withdrawals.carryOut(queue, log)).rejects.toThrow('Connection is closed');
    isGone = false;
    await withdrawals.carryOut(queue, log);

    expect(told).toEqual([
      ['', 'a'],
      ['', 'b'],
    ]);
    expect(withdrawals.isEmpty).toBe(true);
  });

  it('take back whichever of two tasks of one key has arrived', async () => {
    const withdrawals = new Withdrawals();
    withdrawals.add([job('a', 'key'), job('b', 'key')]);
    const removed: string[] = [];
    const queue = {
      getJob: async () => ({ data: { id: 'a' }, attemptsStarted: 0 }),
      remove: async (id: string) => removed.push(id),
    } as unknown as TaskQueue;

    const log = new BullMqLog('Redis');
    log.withdrawn = () => undefined;
    await withdrawals.carryOut(queue, log);

    expect(removed).toEqual(['key']);
    expect(withdrawals.isEmpty).toBe(true);
  });

  it('leave alone a key that another call was told of', async () => {
    const withdrawals = new Withdrawals();
    withdrawals.add([job('a', 'key'), job('b', 'other')]);

    withdrawals.keep([job('c', 'key')]);

    expect(withdrawals.isEmpty).toBe(false);
    withdrawals.keep([job('d', 'other')]);
    expect(withdrawals.isEmpty).toBe(true);
  });
});

function job(id: string, jobId = id): NewJob {
  return { name: 'send', data: { v: 1, name: 'send', id, payload: null, context: {} }, opts: { jobId } };
}
