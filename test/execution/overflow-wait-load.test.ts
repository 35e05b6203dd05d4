import { Controller, Get, Query } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, BackgroundTasksHost, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { platforms, startApp } from '../support/platforms.js';

const MAX_PENDING = 3;

/** How many tasks wait whose responses have been sent, and how many that ever were. */
const answered = { waiting: 0, most: 0 };

describe.each(platforms)("B15 many requests with overflow 'wait' on $name", (platform) => {
  it('all get their turn, and no more than maxPending tasks wait behind responses that were sent', async () => {
    answered.most = 0;
    const options = { maxPending: MAX_PENDING, maxRunning: 1, overflow: 'wait' } as const;
    const { app, url } = await startApp(platform, {
      controllers: [AddingController],
      options,
      configure: countAnswered,
    });
    const counts = Array.from({ length: 60 }, (_, index) => (index % MAX_PENDING) + 1);
    const responses = await Promise.all(counts.map((count) => fetch(`${url}/add?count=${count}`)));
    await settled(app);

    expect(new Set(responses.map((response) => response.status))).toEqual(new Set([200]));
    const all = counts.reduce((sum, count) => sum + count);
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({
      accepted: all,
      succeeded: all,
      waiting: 0,
      running: 0,
    });
    expect(answered.waiting).toBe(0);
    expect(answered.most).toBeGreaterThan(0);
    expect(answered.most).toBeLessThanOrEqual(MAX_PENDING);
  });
});

@Controller()
class AddingController {
  @Get('add')
  async add(@Query('count') count: string, @Tasks() tasks: BackgroundTasks) {
    for (let i = 0; i < Number(count); i++) {
      tasks.addTask(async () => {
        answered.waiting--;
        await Promise.resolve();
      });
      // So that the requests hold some of the room each while they want more.
      await Promise.resolve();
    }
    return {};
  }
}

function countAnswered(app: { use(handler: unknown): void }): void {
  app.use((request: { url: string }, response: ServerResponse, next: () => void) => {
    const count = Number(/count=(\d+)/.exec(request.url)![1]);
    response.once('finish', () => {
      answered.waiting += count;
      answered.most = Math.max(answered.most, answered.waiting);
    });
    next();
  });
}
