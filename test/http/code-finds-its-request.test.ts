import {
  type ArgumentsHost,
  Body,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpException,
  Injectable,
  type MessageEvent,
  Param,
  Post,
  Scope,
  Sse,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import { finalize, NEVER, Observable, of, timeout } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackgroundTasksHost, BackgroundTasksRef, type OnRequestDispose, currentTask } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { Timeline } from '../support/timeline.js';

const json = { method: 'POST', headers: { 'content-type': 'application/json' } };

/** Requests that are answered before a route has them. */
const unrouted = [
  { what: 'an unknown route', path: '/nowhere', init: {}, status: 404 },
  { what: 'a malformed body', path: '/echo', init: { ...json, body: '{"half' }, status: 400 },
  {
    what: 'a body that is too large',
    path: '/echo',
    init: { ...json, body: `"${'x'.repeat(2_000_000)}"` },
    status: 413,
  },
];

describe.each(platforms)('B17 BackgroundTasksRef on $name', (platform) => {
  it.each(unrouted)('finds the request in a filter for $what', async ({ path, init, status }) => {
    const { app, url, timeline, logs } = await start();

    const response = await fetchText(`${url}${path}`, init);
    await settled(app);

    expect(response).toEqual({ status, body: `${status} ${path}` });
    expect(timeline.events).toEqual([`filtered ${status}`]);
    expect(logs.errors).toEqual([]);
  });

  it('loses nothing where the framework answers a malformed parameter without a filter', async () => {
    const { app, url, timeline, logs } = await start();

    const { status } = await fetchText(`${url}/echo/%E0%A4%A`);
    await settled(app);

    expect(status).toBe(400);
    expect(timeline.events).toEqual(platform.name === 'Express' ? ['filtered 400'] : []);
    expect(logs.errors).toEqual([]);
  });

  it('gives each of many broken bodies its own request', async () => {
    const { app, url, timeline } = await start();
    const ids = Array.from({ length: 20 }, (_, index) => index);

    const answers = await Promise.all(ids.map((id) => fetchText(`${url}/echo?${id}`, { ...json, body: '{"half' })));
    await settled(app);

    expect(answers.map(({ body }) => body)).toEqual(ids.map((id) => `400 /echo?${id}`));
    expect(timeline.count('filtered 400')).toBe(ids.length);
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: ids.length, succeeded: ids.length });
  });

  it.each(['/observable', '/events'])(
    'finds the request in the teardown of %s when the client leaves',
    async (path) => {
      const { app, port, timeline } = await start();
      const client = await RawClient.connect(port);

      client.request(`GET ${path}`);
      await timeline.until('subscribed');
      client.destroy();
      await timeline.until('after teardown, aborted');
      await settled(app);

      expect(timeline.events).toEqual(['subscribed', 'after teardown, aborted']);
    },
  );

  it('finds the request in the teardown of an Observable that took too long', async () => {
    const { app, url, timeline } = await start();

    expect((await fetchText(`${url}/slow`)).status).toBe(200);
    await settled(app);

    expect(timeline.events).toEqual(['subscribed', 'after teardown']);
  });

  it('finds the request in the teardown of its own request where several share a connection', async () => {
    const { app, port, timeline } = await start();
    const client = await RawClient.connect(port);

    client.request('GET /observable', 'GET /observable');
    await timeline.until('subscribed', 2);
    client.destroy();
    await timeline.until('after teardown, aborted', 2);
    await settled(app);

    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 2, succeeded: 2 });
  });

  it('finds the request in middleware of app.use(), and shares the queue of its route', async () => {
    const { app, url, timeline } = await start();

    expect((await fetchText(`${url}/by-middleware`)).body).toBe('2');
    await settled(app);

    expect(timeline.events).toEqual(['by app.use()', 'by the route']);
  });

  it('finds the request in a disposer', async () => {
    const { app, url, timeline } = await start();

    await fetchText(`${url}/disposed`);
    await settled(app);

    expect(timeline.events).toEqual(['by the disposer']);
  });

  async function start() {
    const timeline = new Timeline();
    const { app, url, port, logs } = await startApp(platform, {
      controllers: [Routes, Disposed],
      providers: [
        { provide: Timeline, useValue: timeline },
        { provide: APP_FILTER, useClass: TaskFilter },
        DisposedProvider,
      ],
      configure: (nest) => {
        const ref = nest.get(BackgroundTasksRef);
        nest.use((request: { url: string }, _response: unknown, next: () => void) => {
          if (request.url === '/by-middleware') ref.current.addTask(timeline.note, 'by app.use()');
          next();
        });
      },
    });
    return { app, url, port, logs, timeline };
  }
});

@Catch()
@Injectable()
class TaskFilter implements ExceptionFilter {
  constructor(
    private readonly ref: BackgroundTasksRef,
    private readonly timeline: Timeline,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const status = error instanceof HttpException ? error.getStatus() : 500;
    const [request, response] = host.getArgs<[{ url: string }, unknown]>();
    this.ref.current.addTask(this.timeline.note, `filtered ${status}`);
    this.adapterHost.httpAdapter.reply(response, `${status} ${request.url}`, status);
  }
}

@Controller()
class Routes {
  constructor(
    private readonly ref: BackgroundTasksRef,
    private readonly timeline: Timeline,
  ) {}

  @Post('echo')
  echo(@Body() body: unknown): unknown {
    return body;
  }

  @Get('echo/:id')
  echoParameter(@Param('id') id: string): string {
    return id;
  }

  @Get('observable')
  observable(): Observable<never> {
    return this.#endless();
  }

  @Sse('events')
  events(): Observable<MessageEvent> {
    return this.#endless();
  }

  @Get('slow')
  slow(): Observable<string> {
    return this.#endless().pipe(timeout({ first: 10, with: () => of('late') }));
  }

  @Get('by-middleware')
  byMiddleware(): number {
    this.ref.current.addTask(this.timeline.note, 'by the route');
    return this.ref.current.pending.length;
  }

  #endless(): Observable<never> {
    return new Observable<never>((subscriber) => {
      this.timeline.note('subscribed');
      return NEVER.subscribe(subscriber);
    }).pipe(
      finalize(() => {
        this.ref.current.addTask(() =>
          this.timeline.note(`after teardown${currentTask().outcome.aborted ? ', aborted' : ''}`),
        );
      }),
    );
  }
}

@Injectable({ scope: Scope.REQUEST })
class DisposedProvider implements OnRequestDispose {
  constructor(
    private readonly ref: BackgroundTasksRef,
    private readonly timeline: Timeline,
  ) {}

  onRequestDispose(): void {
    this.ref.current.addTask(this.timeline.note, 'by the disposer');
  }
}

@Controller('disposed')
class Disposed {
  constructor(readonly provider: DisposedProvider) {}

  @Get()
  get(): void {}
}
