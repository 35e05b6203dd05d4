import {
  All,
  BadRequestException,
  type CanActivate,
  Controller,
  Get,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestMiddleware,
  type NestModule,
  Post,
  Res,
  Scope,
  UseGuards,
} from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, defineTask, Resource, provideResource, TaskHandler, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { drainBegun, idleConnection, keepAliveRequest, openConnection } from '../support/connections.js';
import { deferred } from '../support/deferred.js';
import { fetchText } from '../support/fetch-text.js';
import { type FrameworkResponse, rawOf } from '../support/http-types.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';

describe.each(platforms)('log lines name the request on $name', (platform) => {
  it.each([
    { request: 'POST /api/orders/secret-7', line: 'Discarded "mail": POST /api/orders/:id failed.' },
    { request: 'PUT /api/any/secret-7', line: 'Discarded "mail": PUT /api/any/:id failed.' },
    { request: 'GET /api/guarded/secret-7', line: 'Discarded "mail": GET /api/guarded/:id failed.' },
    { request: 'GET /api/works/secret-7', line: 'Discarded "alarm": GET /api/works/:id succeeded.' },
    { request: 'GET /api/secret-7', line: 'Discarded "mail": a request without a route failed.' },
  ])('by method and pattern of the route, never by its URL: $request', async ({ request, line }) => {
    const { app, url, logs } = await start(platform);
    const [method, path] = request.split(' ') as [string, string];

    await fetchText(`${url}${path}`, { method });
    await settled(app);

    expect(logs.warnings).toEqual([`${line} BackgroundTasks`]);
  });

  it('where its client has left', async () => {
    const { app, port, logs, entered, proceed } = await start(platform);
    const client = await openConnection(port, keepAliveRequest('/api/held/secret-7'));
    await entered.promise;

    client.destroy();
    await once(client, 'close');
    const idle = await idleConnection(port);
    const closed = app.close();
    await drainBegun(idle);
    proceed.resolve();
    await closed;

    expect(logs.warnings).toEqual(['Discarded "skippable": the client of GET /api/held/:id left. BackgroundTasks']);
  });

  it('where a disposer fails, and the resource', async () => {
    const { app, url, logs } = await start(platform);

    await fetchText(`${url}/api/disposes/secret-7`);
    await settled(app);

    expect(logs.errors).toEqual([
      expect.stringMatching(/^Disposal of Session failed after GET \/api\/disposes\/:id: Error: cannot close/),
    ]);
  });

  it('where a named task does, by its name and id', async () => {
    const { app, url, logs } = await start(platform);

    const { body: id } = await fetchText(`${url}/api/enqueues/secret-7`);
    await settled(app, { throwOnFailure: false });

    expect(logs.warnings).toEqual([`Discarded "mail": task "breaks" (id ${id}) failed. BackgroundTasks`]);
  });
});

describe.each(platforms)('log lines name the request on $name', (platform) => {
  it('whose tasks could not be handed over once its response had been sent', async () => {
    const backend = new MemoryBackend();

    @Controller()
    class Routes {
      @Get('sends/:id')
      async sends(@Tasks() tasks: BackgroundTasks, @Res() response: FrameworkResponse): Promise<void> {
        const over = once(rawOf(response), 'close');
        response.send('sent');
        await over;
        tasks.enqueue(Breaks, {});
        backend.isReady = false;
      }
    }

    @TaskHandler(Breaks)
    class BreaksHandler {
      run(): void {}
    }
    const { app, url, logs } = await startApp(platform, {
      controllers: [Routes],
      providers: [BreaksHandler],
      imports: [memoryBackendModule(backend)],
    });

    await fetchText(`${url}/sends/secret-7`);
    await settled(app, { throwOnFailure: false });

    expect(logs.errors).toContainEqual(
      expect.stringMatching(/^Handing over tasks failed after the response of GET \/sends\/:id had been sent: Backend/),
    );
  });
});

const Breaks = defineTask({ name: 'breaks' });

async function start(platform: Platform) {
  const [entered, proceed] = [deferred(), deferred()];

  @Injectable()
  class Deny implements CanActivate {
    canActivate(): boolean {
      return false;
    }
  }

  @Injectable({ scope: Scope.REQUEST })
  class Queue {
    constructor(readonly tasks: BackgroundTasks) {
      tasks.addTask(function mail() {});
    }
  }

  @Controller()
  class Routes {
    @Post('orders/:id')
    fails(@Tasks() tasks: BackgroundTasks): never {
      tasks.addTask(function mail() {});
      throw new BadRequestException();
    }

    @All('any/:id')
    all(@Tasks() tasks: BackgroundTasks): never {
      return this.fails(tasks);
    }

    @Get('works/:id')
    works(@Tasks() tasks: BackgroundTasks): void {
      tasks.with({ runOn: 'failure' }).addTask(function alarm() {});
    }

    @Get('held/:id')
    async held(@Tasks() tasks: BackgroundTasks): Promise<void> {
      tasks.with({ onAbort: 'skip' }).addTask(function skippable() {});
      entered.resolve();
      await proceed.promise;
    }

    @Get('disposes/:id')
    disposes(@Resource('Session') _session: unknown): void {}

    @Get('enqueues/:id')
    enqueues(@Tasks() tasks: BackgroundTasks): string {
      return tasks.enqueue(Breaks, {}).id;
    }
  }

  @Controller('guarded')
  class Guarded {
    constructor(readonly queue: Queue) {}

    @Get(':id')
    @UseGuards(Deny)
    get(): void {}
  }

  @TaskHandler(Breaks)
  class BreaksHandler {
    constructor(private readonly tasks: BackgroundTasks) {}

    run(): never {
      this.tasks.addTask(function mail() {});
      throw new Error('broken');
    }
  }

  @Injectable()
  class MailMiddleware implements NestMiddleware {
    constructor(readonly queue: Queue) {}

    use(_request: unknown, _response: unknown, next: () => void): void {
      next();
    }
  }

  @Module({ providers: [Queue] })
  class NowhereModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer.apply(MailMiddleware).forRoutes('secret-7');
    }
  }

  const session = provideResource({
    provide: 'Session',
    useFactory: () => ({}),
    dispose: () => Promise.reject(new Error('cannot close')),
  });
  const running = await startApp(platform, {
    imports: [NowhereModule],
    controllers: [Routes, Guarded],
    providers: [Queue, Deny, BreaksHandler, session],
    configure: (app: INestApplication) => void app.setGlobalPrefix('api'),
  });
  return { ...running, entered, proceed };
}
