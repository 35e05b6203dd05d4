import { Controller, Get, type INestApplication, type Type, Version, VersioningType } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { platforms, startApp } from '../support/platforms.js';
import { noteResponseEnds } from '../support/plugins.js';
import { Timeline } from '../support/timeline.js';

describe.each(platforms)('B7 routing on $name', (platform) => {
  it('runs tasks of routes under a global prefix', async () => {
    const { app, url, timeline } = await start((nest) => nest.setGlobalPrefix('api'));

    const response = await fetch(`${url}/api/plain`);
    await response.text();
    await settled(app);

    expect(response.status).toBe(200);
    expect(timeline.events).toEqual(['plain']);
  });

  it.each([
    { how: 'the URI', path: '/v2/versioned', headers: {}, options: { type: VersioningType.URI } as const },
    {
      how: 'a header',
      path: '/versioned',
      headers: { 'X-Version': '2' },
      options: { type: VersioningType.HEADER, header: 'X-Version' } as const,
    },
    {
      how: 'the media type',
      path: '/versioned',
      headers: { Accept: 'application/json;v=2' },
      options: { type: VersioningType.MEDIA_TYPE, key: 'v=' } as const,
    },
  ])('keeps routes apart that are versioned by $how', async ({ path, headers, options }) => {
    const { app, url, timeline } = await start((nest) => nest.enableVersioning(options), Versioned);

    const response = await fetch(url + path, { headers: headers as Record<string, string> });

    expect(await response.text()).toBe('second');
    await settled(app);
    expect(timeline.events).toEqual(['second']);
  });

  async function start(configure: (app: INestApplication) => unknown, ...controllers: Type<unknown>[]) {
    const timeline = new Timeline();
    const { app, url } = await startApp(platform, {
      controllers: [Plain, ...controllers],
      providers: [{ provide: Timeline, useValue: timeline }],
      configure,
    });
    return { app, url, timeline };
  }
});

describe('B10 inject() on Fastify', () => {
  it('runs the task once, although finish and close both fire', async () => {
    const timeline = new Timeline();
    const { app } = await startApp(
      platforms.find(({ name }) => name === 'Fastify')!,
      {
        controllers: [Plain],
        providers: [{ provide: Timeline, useValue: timeline }],
        configure: (nest) => noteResponseEnds(nest, timeline.note),
      },
    );

    const response = await (app as NestFastifyApplication).inject({ url: '/plain' });
    await timeline.until('close');
    await settled(app);

    expect(response.body).toBe('plain');
    expect(timeline.count('plain')).toBe(1);
    expect(timeline.events.indexOf('plain')).toBeGreaterThan(timeline.events.indexOf('finish'));
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 1, succeeded: 1 });
  });
});

@Controller()
class Plain {
  constructor(private readonly timeline: Timeline) {}

  @Get('plain')
  plain(@Tasks() tasks: BackgroundTasks): string {
    tasks.addTask(this.timeline.note, 'plain');
    return 'plain';
  }
}

@Controller('versioned')
class Versioned {
  constructor(private readonly timeline: Timeline) {}

  @Version('1')
  @Get()
  first(@Tasks() tasks: BackgroundTasks): string {
    tasks.addTask(this.timeline.note, 'first');
    return 'first';
  }

  @Version('2')
  @Get()
  second(@Tasks() tasks: BackgroundTasks): string {
    tasks.addTask(this.timeline.note, 'second');
    return 'second';
  }
}
