import { Controller, Get, type INestApplication } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, BackgroundTasksRef, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { EveryWay, type EveryWayApp, expectHandledOnce, lookups, startWithEveryWay } from '../support/every-way.js';
import { fetchText } from '../support/fetch-text.js';
import { type Platform, platforms } from '../support/platforms.js';
import { startSecondServer } from '../support/second-server.js';

describe.each(platforms)('B1 the response goes first on $name behind a server that Nest did not make', (platform) => {
  describe.each(lookups)('$lookup', ({ usesRef }) => {
    it.each([
      { where: 'beside its own server', isListening: true },
      { where: 'alone, as on a serverless platform', isListening: false },
    ])('in every way, $where', async ({ isListening }) => {
      const running = await startWithEveryWay(platform, { usesRef, isListening, controllers: [Things] });
      const { url } = await startSecondServer(running.app);

      const { body } = await fetchText(`${url}/things/7`);

      expect(body).toBe('from the route');
      await expectHandledOnce(running, 'GET /things/:id');
    });
  });

  it.each([
    { what: 'a route', path: '/things/7', status: 200 },
    { what: 'no route', path: '/nowhere', status: 404 },
  ])('for a middleware of app.use(), before $what', async ({ path, status }) => {
    const running = await startWithTakingMiddleware(platform);
    const { url } = await startSecondServer(running.app);

    expect((await fetchText(url + path)).status).toBe(status);

    await expectTaskOfMiddleware(running);
  });

  it.each([
    { when: 'before the application has started', isLate: false },
    { when: 'when it runs', isLate: true },
  ])('beside the request hook that the application has set $when', async ({ isLate }) => {
    const running = await startWithTakingMiddleware(platform, (app, note) => {
      if (!isLate) setHook(app, note);
    });
    if (isLate) setHook(running.app, running.timeline.note);
    const { url } = await startSecondServer(running.app);

    expect(await fetchText(`${url}/things/7`)).toEqual({ status: 200, body: 'from the route' });

    expect(running.timeline.count('own hook')).toBe(1);
    await expectTaskOfMiddleware(running);
  });
});

it('B17 a middleware of app.use() has tasks in a request of inject() of Fastify', async () => {
  const running = await startWithTakingMiddleware(platforms.find(({ name }) => name === 'Fastify')!);

  const { body } = await (running.app as NestFastifyApplication).inject({ url: '/things/7' });

  expect(body).toBe('from the route');
  await expectTaskOfMiddleware(running);
});

/** Starts an application with a middleware that finds its request by the reference. */
async function startWithTakingMiddleware(
  platform: Platform,
  configure?: (app: INestApplication, note: (event: string) => void) => void,
): Promise<EveryWayApp> {
  const running = await startWithEveryWay(platform, {
    usesRef: true,
    controllers: [Things],
    configure: (app) => {
      app.use((_request: unknown, _response: unknown, next: () => void) => {
        const tasks = app.get(BackgroundTasksRef).current.with({ runOn: 'always' });
        tasks.addTask(() => running.timeline.note('task of the middleware'));
        next();
      });
      configure?.(app, (event) => running.timeline.note(event));
    },
  });
  return running;
}

async function expectTaskOfMiddleware({ app, timeline, logs }: EveryWayApp): Promise<void> {
  await settled(app);
  const { events } = timeline;
  expect(events.filter((event) => event === 'task of the middleware')).toHaveLength(1);
  expect(events.indexOf('task of the middleware')).toBeGreaterThan(events.indexOf('sent'));
  expect(logs.errors).toEqual([]);
}

function setHook(app: INestApplication, note: (event: string) => void): void {
  app.get(HttpAdapterHost).httpAdapter.setOnRequestHook((_request: unknown, _response: unknown, done: () => void) => {
    note('own hook');
    done();
  });
}

@Controller('things')
class Things {
  constructor(private readonly ways: EveryWay) {}

  @Get(':id')
  get(@Tasks() tasks: BackgroundTasks, @Resource('Session') session: unknown): string {
    this.ways.take(tasks, session);
    return 'from the route';
  }
}
