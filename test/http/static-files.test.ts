import { Controller, Get } from '@nestjs/common';
import { ServeStaticModule } from '@nestjs/serve-static';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, BackgroundTasksHost, BackgroundTasksRef, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import {
  EveryWay,
  type EveryWaySettings,
  expectHandledOnce,
  lookups,
  startWithEveryWay,
} from '../support/every-way.js';
import { fetchText } from '../support/fetch-text.js';
import { platforms } from '../support/platforms.js';

const rootPath = fileURLToPath(new URL('../support/static', import.meta.url));

describe.each(platforms)('B7 static files of @nestjs/serve-static on $name', (platform) => {
  describe.each(lookups)('$lookup', ({ usesRef }) => {
    it.each([
      { what: 'a file', path: '/file.txt', body: 'a static file\n' },
      {
        what: 'the page that it falls back to',
        path: '/some/page',
        body: '<!doctype html>\n<title>Start page</title>\n',
      },
    ])('leave nothing behind: $what', async ({ path, body }) => {
      const { app, url, timeline, logs } = await start({ usesRef });

      const response = await fetchText(`${url}${path}`);
      await settled(app);

      expect(response).toEqual({ status: 200, body });
      expect(timeline.events).toEqual(['sent']);
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 0 });
      expect([...logs.warnings, ...logs.errors]).toEqual([]);
    });

    it('stand beside routes with tasks', async () => {
      const running = await start({ usesRef });

      const { body } = await fetchText(`${running.url}/api/things/7`);

      expect(body).toBe('from the route');
      await expectHandledOnce(running, 'GET /api/things/:id');
    });
  });

  it('are sent before the tasks that a middleware has added run', async () => {
    const running = await start({
      usesRef: true,
      configure: (app) =>
        app.use((_request: unknown, _response: unknown, next: () => void) => {
          const tasks = app.get(BackgroundTasksRef).current;
          tasks.addTask(() => running.timeline.note('task'));
          next();
        }),
    });

    const { body } = await fetchText(`${running.url}/file.txt`);
    await settled(running.app);

    expect(body).toBe('a static file\n');
    expect(running.timeline.events).toEqual(['sent', 'task']);
  });

  function start(settings: EveryWaySettings) {
    return startWithEveryWay(platform, {
      ...settings,
      isMadeByFactory: true,
      controllers: [Things],
      imports: [
        ServeStaticModule.forRoot({
          rootPath,
          exclude: ['/api/{*rest}'],
          // Fastify falls back only where it is asked to.
          serveStaticOptions: { fallthrough: true },
        }),
      ],
    });
  }
});

@Controller('api/things')
class Things {
  constructor(private readonly ways: EveryWay) {}

  @Get(':id')
  get(@Tasks() tasks: BackgroundTasks, @Resource('Session') session: unknown): string {
    this.ways.take(tasks, session);
    return 'from the route';
  }
}
