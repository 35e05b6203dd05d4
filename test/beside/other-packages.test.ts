import fastifyHelmet from '@fastify/helmet';
import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import {
  Controller,
  Get,
  type INestApplication,
  Injectable,
  type ModuleMetadata,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import helmet from 'helmet';
import { ClsModule, ClsService } from 'nestjs-cls';
import { LoggerModule, PinoLogger } from 'nestjs-pino';
import { Strategy } from 'passport-custom';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, BackgroundTasksHost, Resource, Tasks } from '../../src/index.js';
import { platforms, type Platform, startApp } from '../support/platforms.js';
import { recordedResource } from '../support/recorded-resource.js';
import { useTimeline } from '../support/timeline.js';

const timeline = useTimeline();
const DB = 'db';
/** What one request with a task and a resource leaves. */
const whole = ['db opened', 'task', 'db committed', 'db released'];

/** What nestjs-pino has written. It keeps the first stream of the process. */
const lines: { readonly msg: string; readonly req?: { readonly id: unknown } }[] = [];
const logged = new Writable({
  write(line: Buffer, _encoding, written) {
    lines.push(JSON.parse(line.toString()) as (typeof lines)[number]);
    written();
  },
});

@Controller()
class Mails {
  @Get()
  send(@Tasks() tasks: BackgroundTasks, @Resource(DB) _db: unknown): { sent: boolean } {
    tasks.addTask(timeline.note, 'task');
    return { sent: true };
  }
}

describe.each(platforms)('a request with a task and a resource on $name', (platform) => {
  it('works beside @nestjs/swagger, which describes the handler without its tasks', async () => {
    const { url, get } = await start(platform, {
      controllers: [Mails],
      configure: (app) => {
        const document = SwaggerModule.createDocument(app, new DocumentBuilder().build());
        SwaggerModule.setup('docs', app, document, { ui: false, raw: ['json'] });
      },
    });

    const response = await fetch(`${url}/docs-json`);
    const { paths } = (await response.json()) as { paths: Record<string, { get: { parameters: unknown[] } }> };
    await get();

    expect(paths['/']!.get.parameters).toEqual([]);
    expect(timeline.events).toEqual(whole);
  });

  it('works beside nestjs-cls, whose store its task has', async () => {
    @Controller()
    class Users {
      constructor(private readonly cls: ClsService) {}

      @Get()
      send(@Tasks() tasks: BackgroundTasks, @Resource(DB) _db: unknown) {
        this.cls.set('user', 'ada');
        tasks.addTask(() => timeline.note(`task of ${this.cls.get<string>('user')}`));
      }
    }
    const { get } = await start(platform, {
      imports: [ClsModule.forRoot({ middleware: { mount: true } })],
      controllers: [Users],
    });

    await get();

    expect(timeline.events).toEqual(['db opened', 'task of ada', 'db committed', 'db released']);
  });

  it('works beside nestjs-pino, whose lines in a task have the id of the request', async () => {
    lines.length = 0;
    @Controller()
    class Logging {
      constructor(private readonly logger: PinoLogger) {}

      @Get()
      send(@Tasks() tasks: BackgroundTasks, @Resource(DB) _db: unknown) {
        this.logger.info('from the handler');
        tasks.addTask(() => this.logger.info('from the task'));
      }
    }
    const { get } = await start(platform, {
      imports: [LoggerModule.forRoot({ pinoHttp: [{}, logged] })],
      controllers: [Logging],
    });

    await get();

    const ids = new Set(lines.map(({ req }) => req?.id));
    expect(lines.map(({ msg }) => msg)).toEqual(['from the handler', 'request completed', 'from the task']);
    expect(ids.size).toBe(1);
    expect(ids).not.toContain(undefined);
  });

  it('works beside @nestjs/throttler, whose refused requests add no task', async () => {
    @Controller()
    @UseGuards(ThrottlerGuard)
    class Throttled extends Mails {}
    const { get } = await start(platform, {
      imports: [ThrottlerModule.forRoot([{ ttl: 60_000, limit: 1 }])],
      controllers: [Throttled],
    });

    expect([(await get()).status, (await get()).status]).toEqual([200, 429]);
    expect(timeline.events).toEqual(whole);
  });

  it('works beside @nestjs/cache-manager, whose cached answers add no task', async () => {
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Cached extends Mails {}
    const { get } = await start(platform, {
      imports: [CacheModule.register()],
      controllers: [Cached],
    });

    const [first, second] = [await get(), await get()];

    expect(first.body).toEqual(second.body);
    expect(timeline.count('task')).toBe(1);
  });

  it('works beside Passport, whose refused requests add no task', async () => {
    @Injectable()
    class Custom extends PassportStrategy(Strategy, 'custom') {
      validate(request: { headers: Record<string, string | undefined> }) {
        return request.headers.authorization === 'ada' ? { name: 'ada' } : false;
      }
    }
    @Controller()
    @UseGuards(AuthGuard('custom'))
    class Guarded extends Mails {}
    const { get } = await start(platform, {
      imports: [PassportModule],
      controllers: [Guarded],
      providers: [Custom],
    });

    expect([(await get()).status, (await get({ authorization: 'ada' })).status]).toEqual([401, 200]);
    expect(timeline.events).toEqual(whole);
  });

  it('works beside helmet, whose headers the response has', async () => {
    const { get } = await start(platform, {
      controllers: [Mails],
      configure: async (app) => {
        if (platform.name === 'Express') app.use(helmet());
        else await (app as NestFastifyApplication).register(fastifyHelmet as never);
      },
    });

    expect((await get()).headers.get('x-content-type-options')).toBe('nosniff');
    expect(timeline.events).toEqual(whole);
  });
});

interface Settings extends ModuleMetadata {
  readonly configure?: (app: INestApplication) => unknown;
}

async function start(platform: Platform, settings: Settings) {
  const { app, url } = await startApp(platform, {
    ...settings,
    providers: [...(settings.providers ?? []), recordedResource(timeline, { provide: DB })],
  });
  const get = async (headers: Record<string, string> = {}) => {
    const response = await fetch(url, { headers });
    const body = await response.text();
    await app.get(BackgroundTasksHost).onIdle();
    return { status: response.status, headers: response.headers, body };
  };
  return { url, get };
}
