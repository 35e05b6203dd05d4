import { Controller, Get, Post } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqOptions } from '../../src/bullmq/index.js';
import { BackgroundTasks, defineTask, type Handles, TaskHandler, Tasks } from '../../src/index.js';
import { platforms, startApp } from '../support/platforms.js';
import { report } from '../support/report.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const Work = defineTask<null>({ name: 'work' });

@TaskHandler(Work)
class WorkHandler implements Handles<typeof Work> {
  run(): void {}
}

@Controller()
class WorkController {
  @Post()
  enqueue(@Tasks() tasks: BackgroundTasks) {
    tasks.enqueue(Work, null);
    return { ok: true };
  }

  @Get()
  other() {
    return { ok: true };
  }
}

const REFUSALS = 100;

describe.each(servers)('B32 a request while $kind is out', ({ kind, prepare }) => {
  const server = useServer(prepare);

  describe.each(platforms)('on $name', (platform) => {
    async function start() {
      const options = { ...server().options, queueName: `outages-${randomUUID()}`, worker: false } as BullMqOptions;
      const { app, url } = await startApp(platform, {
        imports: [BullMqBackgroundTasksModule.forRoot(options)],
        controllers: [WorkController],
        providers: [WorkHandler],
      });
      const backend = app.get(BullMqBackend);
      const post = async () => {
        const begin = performance.now();
        const response = await fetch(url, { method: 'POST' });
        await response.text();
        return {
          status: response.status,
          retryAfter: response.headers.get('retry-after'),
          ms: performance.now() - begin,
        };
      };
      return {
        url,
        post,
        isKnownDown: () => until('the server is known to be down', () => backend.unavailableBecause !== undefined),
      };
    }

    /** Milliseconds until a request is accepted again. */
    async function acceptedAgain(post: () => Promise<{ status: number }>): Promise<number> {
      const begin = performance.now();
      await until('a request is answered with 201', async () => (await post()).status === 201);
      return performance.now() - begin;
    }

    it('is answered 503 at once when the server was not there at boot, and accepted within 3 s of its coming', async () => {
      await server().stop();
      const { url, post } = await start();
      expect((await fetch(url)).status).toBe(200);
      const refusals = await refused(post);
      await server().start();
      const back = await acceptedAgain(post);
      report(
        `${kind}, ${platform.name}: absent at boot, 503 after ${refusals} ms (median of ${REFUSALS}); accepted ${back.toFixed(0)} ms after it came`,
      );
      expect(back).toBeLessThan(3_000);
    });

    it('is answered 503 at once when the server was stopped, and accepted within 3 s of its return', async () => {
      const { url, post, isKnownDown } = await start();
      await acceptedAgain(post);
      await server().stop();
      await isKnownDown();
      expect((await fetch(url)).status).toBe(200);
      const refusals = await refused(post);
      await server().start();
      const back = await acceptedAgain(post);
      report(
        `${kind}, ${platform.name}: stopped, 503 after ${refusals} ms (median of ${REFUSALS}); accepted ${back.toFixed(0)} ms after its return`,
      );
      expect(back).toBeLessThan(3_000);
    });

    it('is answered 503 within 2.5 s when the server is frozen', async () => {
      const { url, post } = await start();
      await acceptedAgain(post);
      server().freeze();
      try {
        const { status, retryAfter, ms } = await post();
        expect({ status, retryAfter }).toEqual({ status: 503, retryAfter: '1' });
        expect((await fetch(url)).status).toBe(200);
        report(`${kind}, ${platform.name}: frozen, 503 after ${ms.toFixed(0)} ms`);
        expect(ms).toBeLessThan(2_700);
      } finally {
        server().thaw();
      }
      await acceptedAgain(post);
    });
  });
});

/** Makes the requests one after the other; returns the median of the milliseconds they took. */
async function refused(
  post: () => Promise<{ status: number; retryAfter: string | null; ms: number }>,
): Promise<string> {
  const times: number[] = [];
  for (let index = 0; index < REFUSALS; index++) {
    const { status, retryAfter, ms } = await post();
    expect({ status, retryAfter }).toEqual({ status: 503, retryAfter: '1' });
    times.push(ms);
  }
  const median = times.sort((a, b) => a - b)[REFUSALS / 2]!;
  expect(median).toBeLessThan(100);
  return median.toFixed(1);
}
