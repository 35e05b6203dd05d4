import {
  Controller,
  Get,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  type Type,
} from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksRef,
  currentTask,
  type TaskOutcome,
} from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { rawOf } from '../support/http-types.js';
import { platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';

/** Merely there: where anything injects the reference, requests are found through AsyncLocalStorage. */
@Injectable()
class UsesRef {
  constructor(readonly ref: BackgroundTasksRef) {}
}

const waysIn = [
  { way: 'BackgroundTasks injected', via: () => InjectedMiddleware as Type<unknown> },
  { way: 'BackgroundTasksRef', via: () => RefMiddleware as Type<unknown> },
];

describe.each(platforms)('B8 middleware on $name', (platform) => {
  describe.each(waysIn)('with $way', ({ via }) => {
    it('shares the queue of the route that follows', async () => {
      const { app, url, ran } = await start(via());

      const response = await fetch(`${url}/route`);

      expect(await response.text()).toBe('by default, on failure');
      await settled(app);
      expect(ran).toEqual([{ name: 'by default', outcome: { succeeded: true, statusCode: 200, aborted: false } }]);
    });

    it('sees a failure where no route follows', async () => {
      const { app, url, ran, logs } = await start(via());

      const response = await fetch(`${url}/nowhere`);
      await response.text();
      await settled(app);

      expect(response.status).toBe(404);
      expect(ran).toEqual([
        { name: 'on failure', outcome: expect.objectContaining({ succeeded: false, statusCode: 404 }) as TaskOutcome },
      ]);
      expect(logs.warnings).toEqual([expect.stringContaining('"by default"')]);
    });

    it('sees a success where it answers by itself', async () => {
      const { app, url, ran } = await start(via());

      const response = await fetch(`${url}/answered`);

      expect(await response.text()).toBe('by middleware');
      await settled(app);
      expect(ran).toEqual([{ name: 'by default', outcome: { succeeded: true, statusCode: 200, aborted: false } }]);
    });

    it('sees a failure where it throws', async () => {
      const { app, url, ran } = await start(via());

      const response = await fetch(`${url}/thrown`);
      await response.text();
      await settled(app);

      expect(response.status).toBe(500);
      expect(ran).toEqual([
        { name: 'on failure', outcome: expect.objectContaining({ succeeded: false, statusCode: 500 }) as TaskOutcome },
      ]);
    });
  });

  it.each([
    { where: 'adds a task itself', middleware: () => LateMiddleware as Type<unknown> },
    {
      where: 'adds none, and something injects BackgroundTasksRef',
      middleware: () => IdleLateMiddleware as Type<unknown>,
    },
  ])(
    'keeps the queue open for the route of a middleware that passes on late and $where, though the client has left',
    async ({ middleware }) => {
      const { app, port, ran } = await start(middleware());
      const recorder = app.get(Recorder);
      const client = await RawClient.connect(port);

      client.request('GET /route');
      await recorder.held.promise;
      client.destroy();
      await recorder.left.promise;
      recorder.pass();
      await settled(app);

      expect(ran.length).toBeGreaterThan(0);
      for (const { outcome } of ran) expect(outcome).toMatchObject({ succeeded: true, aborted: true });
      expect(ran.map(({ name }) => name)).toContain('by the route');
    },
  );

  it('counts the tasks of both ways in one queue', async () => {
    const { app, url } = await start(InjectedMiddleware, RefMiddleware);

    expect(await (await fetch(`${url}/route`)).text()).toBe('by default, on failure, by default, on failure');

    await settled(app);
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 4, succeeded: 2, discarded: 2 });
  });

  async function start(...middleware: Type<unknown>[]) {
    @Module({ controllers: [Routed], providers: [Recorder, UsesRef], exports: [Recorder] })
    class RoutedModule implements NestModule {
      configure(consumer: MiddlewareConsumer): void {
        for (const each of middleware) consumer.apply(each).forRoutes('{*all}');
      }
    }
    const { app, url, port, logs } = await startApp(platform, { imports: [RoutedModule] });
    return { app, url, port, logs, ran: app.get(Recorder).ran };
  }
});

@Injectable()
class Recorder {
  readonly ran: { readonly name: string; readonly outcome: TaskOutcome }[] = [];

  readonly held = Object.assign(deferred(), { isResolved: false });
  readonly left = deferred();
  pass!: () => void;

  hold(_request: object, response: object, next: () => void): void {
    this.pass = next;
    rawOf(response).once('close', () => this.left.resolve());
    this.held.isResolved = true;
    this.held.resolve();
  }

  readonly record = (): void => {
    const { name, outcome } = currentTask();
    this.ran.push({ name, outcome });
  };

  /** Adds its tasks, then does what the path asks for. */
  handle(
    tasks: BackgroundTasks,
    request: { url: string; originalUrl?: string },
    response: object,
    next: () => void,
  ): void {
    tasks.with({ name: 'by default' }).addTask(this.record);
    tasks.with({ name: 'on failure', runOn: 'failure' }).addTask(this.record);
    const path = request.originalUrl ?? request.url;
    if (path === '/thrown') throw new Error('thrown by middleware');
    if (path === '/answered') rawOf(response).end('by middleware');
    else next();
  }
}

@Injectable()
class InjectedMiddleware {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly recorder: Recorder,
  ) {}

  use(request: { url: string }, response: object, next: () => void): void {
    this.recorder.handle(this.tasks, request, response, next);
  }
}

@Injectable()
class LateMiddleware {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly recorder: Recorder,
  ) {}

  use(request: object, response: object, next: () => void): void {
    this.tasks.with({ name: 'by default' }).addTask(this.recorder.record);
    this.recorder.hold(request, response, next);
  }
}

@Injectable()
class IdleLateMiddleware {
  constructor(private readonly recorder: Recorder) {}

  use(request: object, response: object, next: () => void): void {
    this.recorder.hold(request, response, next);
  }
}

@Injectable()
class RefMiddleware {
  constructor(
    private readonly ref: BackgroundTasksRef,
    private readonly recorder: Recorder,
  ) {}

  use(request: { url: string }, response: object, next: () => void): void {
    this.recorder.handle(this.ref.current, request, response, next);
  }
}

@Controller()
class Routed {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly recorder: Recorder,
  ) {}

  @Get('route')
  route(): string {
    const added = this.tasks.pending.map(({ name }) => name).join(', ');
    if (this.recorder.held.isResolved) this.tasks.with({ name: 'by the route' }).addTask(this.recorder.record);
    return added;
  }
}
