import { Controller, Get } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, QueueFullError, ShuttingDownError, Tasks } from '../../src/index.js';
import { platforms, startApp } from '../support/platforms.js';

describe.each(platforms)('B15 refusals for lack of room on $name', (platform) => {
  it('answers a full queue with 503 and keeps the message to itself', async () => {
    const { url, logs } = await startApp(platform, { controllers: [RefusedController], options: { maxPending: 1 } });

    const response = await fetch(`${url}/full`);

    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ statusCode: 503, message: 'Service Unavailable' });
    expect(logs.errors.join()).toContain('maxPending');
  });

  it.each([
    { path: 'thrown-full', code: 'QUEUE_FULL' },
    { path: 'thrown-shutting-down', code: 'SHUTTING_DOWN' },
  ])('answers a thrown $code with 503 and keeps the message to itself', async ({ path }) => {
    const { url, logs } = await startApp(platform, { controllers: [RefusedController] });

    const response = await fetch(`${url}/${path}`);

    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ statusCode: 503, message: 'Service Unavailable' });
    expect(logs.errors.join()).toContain('secretTask');
  });
});

@Controller()
class RefusedController {
  @Get('full')
  full(@Tasks() tasks: BackgroundTasks): string {
    tasks.addTask(secretTask);
    tasks.addTask(secretTask);
    return 'never sent';
  }

  @Get('thrown-full')
  thrownFull(): never {
    throw new QueueFullError('secretTask', 1);
  }

  @Get('thrown-shutting-down')
  thrownShuttingDown(): never {
    throw new ShuttingDownError('Task "secretTask"');
  }
}

function secretTask(): void {}
