import {
  Controller,
  Get,
  type INestApplication,
  Injectable,
  Module,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  Req,
} from '@nestjs/common';
import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import type { RequestListener, Server } from 'node:http';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, BackgroundTasksRef } from '../../src/index.js';
import { drainBegun, idleConnection } from '../support/connections.js';
import { deferred } from '../support/deferred.js';
import { lookups } from '../support/every-way.js';
import { fetchText } from '../support/fetch-text.js';
import { platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { startSecondServer } from '../support/second-server.js';
import { Timeline } from '../support/timeline.js';

describe.each(platforms)('B18 a second server of one application on $name', (platform) => {
  describe.each(lookups)('$lookup', ({ usesRef }) => {
    it.each([
      { how: 'calls the framework', passOn: undefined },
      {
        how: 'passes on its event',
        passOn: (app: INestApplication): RequestListener => {
          const own = app.getHttpServer() as Server;
          return (request, response) => void own.emit('request', request, response);
        },
      },
    ])('that $how has its requests answered, and their tasks run, before other modules close', async ({ passOn }) => {
      const { app, port, work, second } = await start(passOn);
      const idle = await idleConnection(port);
      const answer = fetchText(`${second.url}/held`);
      await work.timeline.until('entered');

      const closed = app.close();
      await drainBegun(idle);
      work.proceed.resolve();
      expect(await answer).toEqual({ status: 200, body: 'answered' });
      await closed;

      expect(work.timeline.events).toEqual(['entered', 'handler', 'task', 'pool closed', 'server closed']);
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 1, succeeded: 1 });
    });

    it('does not put off the shutdown with requests that it still accepts', async () => {
      const { app, port, work, second } = await start();
      const idle = await idleConnection(port);
      const answer = fetchText(`${second.url}/held`);
      await work.timeline.until('entered');

      const closed = app.close();
      await drainBegun(idle);
      const late = (await RawClient.connect(second.port)).request('GET /late');
      await work.timeline.until('entered late');
      work.proceed.resolve();
      await answer;
      await work.timeline.until('pool closed');
      work.lateMayEnd.resolve();
      await late.receive('503 Service Unavailable');
      late.destroy();
      await closed;

      expect(work.timeline.events.slice(0, 5)).toEqual(['entered', 'entered late', 'handler', 'task', 'pool closed']);
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 1, succeeded: 1 });
    });

    async function start(passOn?: (app: INestApplication) => RequestListener) {
      const work = new Work();

      @Module({ providers: [{ provide: Work, useValue: work }, Pool], exports: [Work] })
      class PoolModule {}

      @Module({ imports: [PoolModule], controllers: [Routes], providers: usesRef ? [UsesRef] : [] })
      class RoutesModule {}
      const { app, port } = await startApp(platform, { imports: [RoutesModule] });
      const second = await startSecondServer(app, passOn?.(app));
      work.server = second.server;
      return { app, port, work, second };
    }
  });
});

class Work {
  readonly timeline = new Timeline();
  readonly proceed = deferred();
  readonly lateMayEnd = deferred();
  server!: Server;
}

/** Merely there: where anything injects the reference, requests are found through AsyncLocalStorage. */
@Injectable()
class UsesRef {
  constructor(readonly ref: BackgroundTasksRef) {}
}

@Injectable()
class Pool implements OnModuleDestroy, OnApplicationShutdown {
  constructor(private readonly work: Work) {}

  onModuleDestroy(): void {
    this.work.timeline.note('pool closed');
  }

  /** Closes the server as Nest's documentation does, where a server that is closed already is an error. */
  async onApplicationShutdown(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.work.server.close((error) => (error ? reject(error) : resolve()));
    });
    this.work.timeline.note('server closed');
  }
}

@Controller()
class Routes {
  constructor(
    private readonly work: Work,
    private readonly moduleRef: ModuleRef,
  ) {}

  @Get('held')
  async held(@Req() request: object): Promise<string> {
    const { timeline, proceed } = this.work;
    timeline.note('entered');
    await proceed.promise;
    timeline.note('handler');
    (await this.tasksOf(request)).addTask(timeline.note, 'task');
    return 'answered';
  }

  @Get('late')
  async late(@Req() request: object): Promise<void> {
    this.work.timeline.note('entered late');
    await this.work.lateMayEnd.promise;
    await this.tasksOf(request);
  }

  /** Until it asks for its tasks, a request has nothing of this package. */
  private tasksOf(request: object): Promise<BackgroundTasks> {
    const contextId = ContextIdFactory.getByRequest(request);
    this.moduleRef.registerRequestByContextId(request, contextId);
    return this.moduleRef.resolve(BackgroundTasks, contextId, { strict: false });
  }
}
