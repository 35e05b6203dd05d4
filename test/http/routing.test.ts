import {
  All,
  Controller,
  Copy,
  Get,
  HostParam,
  Inject,
  Lock,
  Mkcol,
  Module,
  Move,
  Options,
  Patch,
  Propfind,
  Proppatch,
  Put,
  QueryMethod,
  Search,
  Unlock,
  Version,
  VersioningType,
} from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { once } from 'node:events';
import { type IncomingMessage, METHODS, request, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import supertest from 'supertest';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { EveryWay, expectHandledOnce, lookups, startWithEveryWay } from '../support/every-way.js';
import { fetchText } from '../support/fetch-text.js';
import { platforms, startApp } from '../support/platforms.js';
import { noteResponseEnds } from '../support/plugins.js';
import { Timeline } from '../support/timeline.js';

const versionings = [
  {
    how: 'the URI',
    path: '/v2/versioned/7',
    headers: {},
    options: { type: VersioningType.URI } as const,
    prefix: '/v2',
  },
  {
    how: 'a header',
    path: '/versioned/7',
    headers: { 'X-Version': '2' } as Record<string, string>,
    options: { type: VersioningType.HEADER, header: 'X-Version' } as const,
    prefix: '',
  },
  {
    how: 'the media type',
    path: '/versioned/7',
    headers: { Accept: 'application/json;v=2' },
    options: { type: VersioningType.MEDIA_TYPE, key: 'v=' } as const,
    prefix: '',
  },
];

/** The verbs that Nest has a decorator for, besides the usual four. */
const verbs = [
  { verb: 'PUT', decorator: 'Put', route: Put },
  { verb: 'PATCH', decorator: 'Patch', route: Patch },
  { verb: 'OPTIONS', decorator: 'Options', route: Options },
  { verb: 'SEARCH', decorator: 'Search', route: Search },
  // Node parses it from 20.19 and 22.2 on.
  { verb: 'QUERY', decorator: 'QueryMethod', route: QueryMethod },
  { verb: 'PROPFIND', decorator: 'Propfind', route: Propfind },
  { verb: 'PROPPATCH', decorator: 'Proppatch', route: Proppatch },
  { verb: 'MKCOL', decorator: 'Mkcol', route: Mkcol },
  { verb: 'COPY', decorator: 'Copy', route: Copy },
  { verb: 'MOVE', decorator: 'Move', route: Move },
  { verb: 'LOCK', decorator: 'Lock', route: Lock },
  { verb: 'UNLOCK', decorator: 'Unlock', route: Unlock },
  { verb: 'POST', decorator: 'All', route: All },
  { verb: 'DELETE', decorator: 'All', route: All },
].filter(({ verb }) => METHODS.includes(verb));

/** A QUERY has to have a body on Fastify, and the others may. */
const query = { body: '{}', headers: { 'content-type': 'application/json' } };

describe.each(platforms)('B7 every way in, on a route of $name', (platform) => {
  describe.each(lookups)('$lookup', ({ usesRef }) => {
    it.each(verbs)('for $verb by @$decorator', async ({ verb, route }) => {
      @Controller()
      class Verbs extends Taking {
        @route('things/:id')
        handle(@Tasks() tasks: BackgroundTasks, @Resource('Session') session: unknown): string {
          return this.take(tasks, session);
        }
      }
      const running = await startWithEveryWay(platform, { usesRef, controllers: [Verbs] });

      const { status, body } = await fetchText(`${running.url}/things/7`, { method: verb, ...query });

      expect({ isSuccess: status < 300, body }).toEqual({ isSuccess: true, body: 'taken' });
      await expectHandledOnce(running, `${verb} /things/:id`);
    });

    it.each(versionings)('of a controller that is versioned by $how', async ({ path, headers, options, prefix }) => {
      const running = await startWithEveryWay(platform, {
        usesRef,
        controllers: [Versioned],
        configure: (app) => app.enableVersioning(options),
      });

      const { body } = await fetchText(running.url + path, { headers });

      expect(body).toBe('second');
      await expectHandledOnce(running, `GET ${prefix}/versioned/:id`);
    });

    it('below the paths of a RouterModule, and of its children', async () => {
      @Controller('leaves')
      class Leaves extends Taking {
        @Get(':id')
        get(@Tasks() tasks: BackgroundTasks, @Resource('Session') session: unknown): string {
          return this.take(tasks, session);
        }
      }

      @Module({ controllers: [Leaves] })
      class LeavesModule {}

      @Module({ imports: [LeavesModule] })
      class BranchModule {}
      const running = await startWithEveryWay(platform, {
        usesRef,
        imports: [
          BranchModule,
          RouterModule.register([
            { path: 'branches/:branch', module: BranchModule, children: [{ path: 'twigs', module: LeavesModule }] },
          ]),
        ],
        configure: (app) => app.setGlobalPrefix('api'),
      });

      const { body } = await fetchText(`${running.url}/api/branches/3/twigs/leaves/7`);

      expect(body).toBe('taken');
      await expectHandledOnce(running, 'GET /api/branches/:branch/twigs/leaves/:id');
    });

    it('which is excluded from the global prefix', async () => {
      const running = await startWithEveryWay(platform, {
        usesRef,
        controllers: [Health],
        configure: (app) => app.setGlobalPrefix('api', { exclude: ['health/:part'] }),
      });

      const { body } = await fetchText(`${running.url}/health/disk`);

      expect(body).toBe('taken');
      await expectHandledOnce(running, 'GET /health/:part');
    });

    it.each([
      { host: 'acme.example.com', tenant: 'acme' },
      { host: 'other.example.com', tenant: 'other' },
    ])('of a controller for the sub-domains of a host: $host', async ({ host, tenant }) => {
      const running = await startWithEveryWay(platform, { usesRef, controllers: [Tenants] });

      const body = await requestOf(host, '/tenants/7', running.port);

      expect(body).toBe(tenant);
      await expectHandledOnce(running, 'GET /tenants/:id');
    });
  });

  it('leaves nothing behind where the host is another one', async () => {
    const running = await startWithEveryWay(platform, { usesRef: true, controllers: [Tenants] });

    expect(await requestOf('example.org', '/tenants/7', running.port)).toBe('404');

    await settled(running.app);
    expect(running.timeline.events).toEqual(['sent']);
    expect(running.app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 0 });
  });
});

it('B7 goes on to the controller whose host it is, which Express alone can', async () => {
  const express = platforms.find(({ name }) => name === 'Express')!;

  @Controller({ host: 'admin.example.com' })
  class Admin {
    @Get('tenants/:admin')
    get(): string {
      return 'admin';
    }
  }
  const running = await startWithEveryWay(express, { usesRef: false, controllers: [Admin, Tenants] });

  expect(await requestOf('acme.example.com', '/tenants/7', running.port)).toBe('acme');

  await expectHandledOnce(running, 'GET /tenants/:id');
});

describe.each(lookups)('B10 requests without a server of their own, $lookup', ({ usesRef }) => {
  const [express, fastify] = platforms;

  it('run their tasks once after inject() of Fastify', async () => {
    const running = await startWithEveryWay(fastify!, { usesRef, controllers: [Health] });

    const response = await (running.app as NestFastifyApplication).inject({ url: '/health/disk' });

    expect(response.body).toBe('taken');
    await expectHandledOnce(running, 'GET /health/:part');
  });

  it('run their tasks once after a request of supertest to an Express that does not listen', async () => {
    const running = await startWithEveryWay(express!, { usesRef, controllers: [Health], isListening: false });

    const response = await supertest(running.app.getHttpServer() as Server).get('/health/disk');

    expect(response.text).toBe('taken');
    await expectHandledOnce(running, 'GET /health/:part');
  });
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

/** Takes whatever there is to take. */
abstract class Taking {
  constructor(@Inject(EveryWay) private readonly ways: EveryWay) {}

  protected take(tasks: BackgroundTasks, session: unknown): string {
    this.ways.take(tasks, session);
    return 'taken';
  }
}

@Controller('versioned')
class Versioned extends Taking {
  @Version('1')
  @Get(':id')
  first(): string {
    return 'first';
  }

  @Version('2')
  @Get(':id')
  second(@Tasks() tasks: BackgroundTasks, @Resource('Session') session: unknown): string {
    this.take(tasks, session);
    return 'second';
  }
}

@Controller('health')
class Health extends Taking {
  @Get(':part')
  get(@Tasks() tasks: BackgroundTasks, @Resource('Session') session: unknown): string {
    return this.take(tasks, session);
  }
}

@Controller({ path: 'tenants', host: ':tenant.example.com' })
class Tenants extends Taking {
  @Get(':id')
  get(
    @HostParam('tenant') tenant: string,
    @Tasks() tasks: BackgroundTasks,
    @Resource('Session') session: unknown,
  ): string {
    this.take(tasks, session);
    return tenant;
  }
}

/** Requests a path from a host. Returns the body of a success, and the status of anything else. */
async function requestOf(host: string, path: string, port: number): Promise<string> {
  const sent = request({ host: '127.0.0.1', port, path, headers: { host } }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = await text(response);
  return response.statusCode === 200 ? body : String(response.statusCode);
}
