import {
  ConflictException,
  Controller,
  Get,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  Post,
  Redirect,
  Scope,
} from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { EveryWay, expectHandledOnce, lookups, startWithEveryWay } from '../support/every-way.js';
import { fetchText } from '../support/fetch-text.js';
import { FramingAdapter } from '../support/framing-adapter.js';
import { Timeline } from '../support/timeline.js';

const platform = { name: 'Express', adapter: () => new FramingAdapter() } as const;

describe.each(lookups)('B7 an adapter that hands its handlers objects around those of Node, $lookup', ({ usesRef }) => {
  it.each([
    { how: 'a value', path: '/things/7', route: 'GET /things/:id', status: 200 },
    { how: 'a redirection', path: '/moved/7', route: 'GET /moved/:id', status: 302 },
  ])('has every way in, where the answer is $how', async ({ path, route, status }) => {
    const running = await startWithEveryWay(platform, { usesRef, controllers: [Things] });

    const response = await fetchText(running.url + path, { redirect: 'manual' });

    expect(response.status).toBe(status);
    await expectHandledOnce(running, route);
  });

  it('tells tasks and resources of a failure', async () => {
    const { app, url, timeline, logs } = await startWithEveryWay(platform, { usesRef, controllers: [Things] });

    const { status } = await fetchText(`${url}/conflicts/7`, { method: 'POST' });
    await settled(app);

    expect(status).toBe(409);
    expect(timeline.events).toEqual([
      'Session opened',
      'Session',
      'sent',
      'Session rolled back: Conflict',
      'Session released',
    ]);
    expect(logs.warnings).toEqual(['Discarded "note", "note": POST /conflicts/:id failed. BackgroundTasks']);
  });

  it.each([
    { where: 'before a route', path: '/things/7', count: 1 },
    { where: 'where no route follows', path: '/nowhere', count: 0 },
  ])('has tasks of a middleware $where', async ({ path, count }) => {
    const running = await startWithEveryWay(platform, { usesRef, controllers: [Things], imports: [MiddlewareModule] });

    await fetchText(running.url + path);
    await settled(running.app);

    expect(running.timeline.count('task of the middleware')).toBe(count);
    expect(running.logs.errors).toEqual([]);
  });
});

@Controller()
class Things {
  constructor(private readonly ways: EveryWay) {}

  @Get('things/:id')
  get(@Tasks() tasks: BackgroundTasks, @Resource('Session') session: unknown): string {
    this.ways.take(tasks, session);
    return 'from the route';
  }

  @Get('moved/:id')
  @Redirect('/elsewhere')
  move(@Tasks() tasks: BackgroundTasks, @Resource('Session') session: unknown): void {
    this.ways.take(tasks, session);
  }

  @Post('conflicts/:id')
  conflict(@Tasks() tasks: BackgroundTasks, @Resource('Session') session: unknown): never {
    this.ways.take(tasks, session);
    throw new ConflictException();
  }
}

@Injectable({ scope: Scope.REQUEST })
class Middleware {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly timeline: Timeline,
  ) {}

  use(_request: unknown, _response: unknown, next: () => void): void {
    this.tasks.addTask(this.timeline.note, 'task of the middleware');
    next();
  }
}

@Module({})
class MiddlewareModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(Middleware).forRoutes('{*all}');
  }
}
