import { ConflictException, Controller, Get, Header, HttpCode, Post, Redirect, StreamableFile } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, provideResource, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';
import { recordedResource, type RecordedResourceSettings } from '../support/recorded-resource.js';

const timeline = useTimeline();
const early = (settings: Partial<RecordedResourceSettings> = {}) =>
  recordedResource(timeline, { provide: 'early', release: 'before-response', ...settings });

describe.each(platforms)('B22 before-response resources on $name', (platform) => {
  it.each(['json', 'created', 'nothing', 'redirect', 'stream'])(
    'exit before the first byte of a response (%s)',
    async (path) => {
      const gate = deferred();
      const committing = deferred();
      const provider = early({
        commit: () => {
          committing.resolve();
          return gate.promise;
        },
      });
      let response: ServerResponse | undefined;
      const { app, url } = await startApp(platform, {
        controllers: [ShapesController],
        providers: [provider],
        configure: (server) =>
          server.use((_request: unknown, raw: ServerResponse, next: () => void) => {
            response = raw;
            next();
          }),
      });

      const answer = fetchText(`${url}/shapes/${path}`, { redirect: 'manual' });
      await committing.promise;
      expect(response?.headersSent).toBe(false);
      gate.resolve();
      await answer;
      await settled(app);

      expect(timeline.events).toEqual(['early opened', 'early committed', 'early released']);
    },
  );

  it.each([
    ['an error', new Error('commit failed'), 500],
    ['an HttpException', new ConflictException('taken'), 409],
  ])('decide the status when their commit fails with %s', async (_, error, expected) => {
    const { app, url } = await startApp(platform, {
      controllers: [TasksController],
      providers: [early({ commit: () => Promise.reject(error) })],
    });

    const { status } = await fetchText(`${url}/tasks`, { method: 'POST' });
    await settled(app);

    expect(status).toBe(expected);
    expect(timeline.events).toEqual([
      'early opened',
      `early rolled back: ${error.message}`,
      'early released',
      'task on failure',
    ]);
  });

  it('roll back with the error of a failed commit where they are still open', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [TasksController],
      providers: [
        recordedResource(timeline, { provide: 'lasting' }),
        recordedResource(timeline, { provide: 'base', release: 'before-response', inject: ['lasting'] }),
        early({ inject: ['base'], commit: () => Promise.reject(new ConflictException('taken')) }),
      ],
    });

    const { status } = await fetchText(`${url}/tasks`, { method: 'POST' });
    await settled(app);

    expect(status).toBe(409);
    expect(timeline.events.filter((entry) => !entry.endsWith('opened'))).toEqual([
      'early rolled back: taken',
      'early released',
      'base rolled back: taken',
      'base released',
      'task on failure',
      'lasting rolled back: taken',
      'lasting released',
    ]);
  });

  it('that committed before another failed are not asked again', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [TasksController],
      providers: [
        recordedResource(timeline, {
          provide: 'base',
          release: 'before-response',
          commit: () => Promise.reject(new ConflictException('taken')),
        }),
        early({ inject: ['base'] }),
      ],
    });

    const { status } = await fetchText(`${url}/tasks`, { method: 'POST' });
    await settled(app);

    expect(status).toBe(409);
    expect(timeline.events.filter((entry) => entry.startsWith('early'))).toEqual([
      'early opened',
      'early committed',
      'early released',
    ]);
  });

  it('that hang in their commit are answered with 500 after disposeTimeoutMs', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [TasksController],
      providers: [early({ commit: () => new Promise(() => undefined) })],
      options: { disposeTimeoutMs: 20 },
    });

    const { status } = await fetchText(`${url}/tasks`, { method: 'POST' });
    await settled(app);

    expect(status).toBe(500);
  });

  it('that hang in their rollback leave the answer to the error of the handler, and are logged', async () => {
    const { app, url, logs } = await startApp(platform, {
      controllers: [FailingController],
      providers: [early({ rollback: () => new Promise(() => undefined) })],
      options: { disposeTimeoutMs: 20 },
    });

    const { status } = await fetchText(`${url}/failing`);
    await settled(app);

    expect(status).toBe(409);
    expect(logs.errors).toEqual([expect.stringContaining('early took longer than 20 ms')]);
  });

  it('that are still being opened when another fails to open are exited before the answer', async () => {
    const opening = deferred();
    const slow = provideResource({
      provide: 'slow',
      release: 'before-response',
      async *useFactory() {
        await opening.promise;
        try {
          yield 'slow';
        } catch (error) {
          timeline.note(`slow rolled back: ${(error as Error).message}`);
          throw error;
        } finally {
          timeline.note('slow released');
        }
      },
    });
    const failed = deferred();
    const failing = provideResource({
      provide: 'failing',
      release: 'before-response',
      async *useFactory(): AsyncGenerator<string, void, void> {
        failed.resolve();
        throw new ConflictException('taken');
      },
    });
    const { app, url } = await startApp(platform, { controllers: [HalfOpenController], providers: [slow, failing] });

    const response = fetchText(`${url}/half-open`);
    await failed.promise;
    // From the throw to the exits there are only microtasks: they are done when this is.
    await new Promise((resolve) => setImmediate(resolve));
    opening.resolve();
    const { status } = await response;
    await settled(app);

    expect(status).toBe(409);
    expect(timeline.events).toEqual(['slow rolled back: taken', 'slow released']);
  });
});

@Controller('shapes')
class ShapesController {
  @Get('json')
  json(@Resource('early') _early: unknown) {
    return { some: 'json' };
  }

  @Get('created')
  @HttpCode(201)
  @Header('x-kept', 'yes')
  created(@Resource('early') _early: unknown) {
    return 'created';
  }

  @Get('nothing')
  @HttpCode(204)
  nothing(@Resource('early') _early: unknown) {
    return undefined;
  }

  @Get('redirect')
  @Redirect('/elsewhere')
  redirect(@Resource('early') _early: unknown) {
    return undefined;
  }

  @Get('stream')
  stream(@Resource('early') _early: unknown) {
    return new StreamableFile(Buffer.from('file'));
  }
}

@Controller('tasks')
class TasksController {
  @Post()
  post(@Resource('early') _early: unknown, @Tasks() tasks: BackgroundTasks) {
    tasks.addTask(() => timeline.note('task on success'));
    tasks.with({ runOn: 'failure' }).addTask(() => timeline.note('task on failure'));
    return 'created';
  }
}

@Controller('half-open')
class HalfOpenController {
  @Get()
  get(@Resource('slow') _slow: unknown, @Resource('failing') _failing: unknown) {
    return 'never';
  }
}

@Controller('failing')
class FailingController {
  @Get()
  fail(@Resource('early') _early: unknown): void {
    throw new ConflictException('taken');
  }
}
