import { Controller, Get } from '@nestjs/common';
import { BroadcastChannel } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WorkerThreadsModule } from '../../src/worker-threads/index.js';
import { platforms, startApp } from '../support/platforms.js';
import { inThread, startThreads, ThreadWatch } from '../support/threads.js';
import { scaled } from '../support/scale.js';

const CALLS = scaled(300, 1_000);

describe('B37 calls when all threads are busy', () => {
  it('wait up to the limit, and the others are refused at once', async () => {
    await startThreads({ maxRunning: 1, maxPending: 10 });
    const { release } = await hold();

    const flood = Array.from({ length: CALLS }, (_, n) => inThread('square')(n));
    const refused = await Promise.allSettled(flood.slice(10));
    release();
    const accepted = await Promise.all(flood.slice(0, 10));

    expect(accepted).toEqual(Array.from({ length: 10 }, (_, n) => n * n));
    expect(refused).toHaveLength(CALLS - 10);
    for (const each of refused)
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'THREAD_QUEUE_FULL', status: 503 } });
  });

  it('are refused all of them where none may wait', async () => {
    await startThreads({ maxRunning: 1, maxPending: 0 });
    const { release, holding } = await hold();

    await expect(inThread('add')(1, 2)).rejects.toMatchObject({ code: 'THREAD_QUEUE_FULL' });
    release();

    await holding;
    expect(await inThread('add')(1, 2)).toBe(3);
  });

  it('are begun in the order in which they were made', async () => {
    await startThreads({ maxRunning: 1 });
    const order: number[] = [];

    await Promise.all([0, 1, 2, 3, 4].map((n) => inThread('square')(n).then(() => order.push(n))));

    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  it('get as many threads as there may be, and no more', async () => {
    await startThreads({ maxRunning: 3 });
    const watch = new ThreadWatch();

    await Promise.all(Array.from({ length: 20 }, () => inThread('busy')(5)));

    expect(watch.alive).toBe(3);
  });
});

describe.each(platforms)('B37 a handler that finds the queue full on $name', (platform) => {
  it('answers 503 and keeps the message to itself', async () => {
    const { url } = await startApp(platform, {
      imports: [WorkerThreadsModule.forRoot({ maxRunning: 1, maxPending: 0 })],
      controllers: [AddController],
    });
    const { release, holding } = await hold();

    const response = await fetch(`${url}/add`);
    release();
    await holding;

    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ statusCode: 503, message: 'Service Unavailable' });
    expect(await (await fetch(`${url}/add`)).text()).toBe('3');
  });
});

@Controller()
class AddController {
  @Get('add')
  async add(): Promise<string> {
    return String(await inThread('add')(1, 2));
  }
}

/** Keeps a thread busy until it is released. */
async function hold() {
  const name = `held ${performance.now()}`;
  const channel = new BroadcastChannel(name);
  onTestFinished(() => channel.close());
  const begun = new Promise((resolve) => channel.addEventListener('message', resolve, { once: true }));
  const holding = inThread('held')(name);
  await begun;
  return { holding, release: () => channel.postMessage('end') };
}
