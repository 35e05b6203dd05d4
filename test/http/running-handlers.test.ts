import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  type NestInterceptor,
  type OnApplicationShutdown,
  RequestTimeoutException,
  Res,
  Sse,
  StreamableFile,
  UseInterceptors,
} from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { catchError, type Observable, of, Subject, throwError, TimeoutError, timeout } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, type BackgroundTasksModuleOptions, Resource, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { fetchText } from '../support/fetch-text.js';
import { Gate } from '../support/gate.js';
import { type FrameworkResponse, rawOf } from '../support/http-types.js';
import { platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { recordedResource } from '../support/recorded-resource.js';
import { Timeline } from '../support/timeline.js';
import { until } from '../support/until.js';

/** More than the kernel's buffers of both ends take. */
const LARGE = Buffer.alloc(16 * 1024 * 1024);

/** Handlers that go on after the client has left, each in the middle of an awaited query. */
const abandoned = [
  { kind: 'an async @Sse() handler in its set-up', path: '/events' },
  { kind: 'an async generator before its first piece', path: '/pieces' },
  { kind: 'an async generator between two pieces', path: '/two-pieces' },
  { kind: 'a StreamableFile of a generator', path: '/file' },
  { kind: 'a handler that writes its response itself', path: '/written' },
];

describe.each(platforms)('B9 a handler that still runs on $name', (platform) => {
  it.each(abandoned)('keeps its scope open when the client leaves $kind', async ({ path }) => {
    const { app, port, timeline, gate } = await start();
    const client = await RawClient.connect(port);

    client.request(`GET ${path}`);
    await timeline.until('query begins');
    client.destroy();
    await timeline.until('close');
    gate.resolve();
    await settled(app);

    expect(timeline.events.filter((event) => event !== 'close')).toEqual([
      'Db opened',
      'query begins',
      'query ends',
      'late task',
      expect.stringMatching(/^Db (committed|rolled back)/),
      'Db released',
    ]);
  });

  it('runs the finally block of a generator that waits for its client before the resources are released', async () => {
    const { app, port, timeline } = await start();
    const client = await RawClient.connect(port);

    client.pause().request('GET /endless');
    await timeline.until('Db opened');
    await until('the response is full', () => Running.endless?.writableNeedDrain === true);
    client.destroy();
    await timeline.until('Db released');
    await settled(app);

    expect(timeline.events.filter((event) => event !== 'close')).toEqual([
      'Db opened',
      'finally begins',
      'finally ends',
      'late task',
      'Db committed',
      'Db released',
    ]);
  });

  it('keeps the scope open after an interceptor has answered 408', async () => {
    const { app, url, timeline, gate } = await start();

    const { status } = await fetchText(`${url}/timed-out`);
    expect(status).toBe(408);
    gate.resolve();
    await settled(app);

    expect(timeline.events.filter((event) => event !== 'close')).toEqual([
      'Db opened',
      'query begins',
      'query ends',
      'late task',
      'Db rolled back: Request Timeout',
      'Db released',
    ]);
  });

  it('keeps the scope open for an async interceptor that goes on after another has answered', async () => {
    const { app, url, timeline, gate } = await start();

    expect((await fetchText(`${url}/intercepted`)).status).toBe(408);
    gate.resolve();
    await settled(app);

    expect(timeline.events.filter((event) => event !== 'close')).toEqual(['query begins', 'query ends', 'late task']);
  });

  it("keeps a 'before-response' resource open after an interceptor has answered in its place", async () => {
    const { app, url, timeline, gate } = await start();

    expect(await (await fetch(`${url}/stale`)).text()).toBe('stale');
    timeline.note('answered');
    gate.resolve();
    await settled(app);

    expect(timeline.events.filter((event) => event !== 'close')).toEqual([
      'Tx opened',
      'query begins',
      'answered',
      'query ends',
      'Tx committed',
      'Tx released',
      'late task',
    ]);
  });

  it("rolls a 'before-response' resource back only when the handler that timed out has settled", async () => {
    const { app, url, timeline, gate } = await start();

    expect((await fetchText(`${url}/timed-out-transaction`)).status).toBe(408);
    timeline.note('answered');
    gate.resolve();
    await settled(app);

    expect(timeline.events.filter((event) => event !== 'close')).toEqual([
      'Tx opened',
      'query begins',
      'answered',
      'query ends',
      'Tx rolled back: Request Timeout',
      'Tx released',
      'late task',
    ]);
  });

  it('keeps the scope open for a handler that begins after the client has left', async () => {
    const { app, port, timeline, gate } = await start();
    const client = await RawClient.connect(port);

    client.request('GET /held-back');
    await timeline.until('held back');
    client.destroy();
    await timeline.until('close');
    app.get(HeldBack).pass();
    await timeline.until('query begins');
    gate.resolve();
    await settled(app);

    expect(timeline.events).toContain('late task');
    expect(timeline.events.at(-1)).toBe('Db released');
  });

  it('is not bounded by stalledClientTimeoutMs', async () => {
    const { app, port, timeline, gate } = await start({ stalledClientTimeoutMs: 20 });
    const [writing, other] = [await RawClient.connect(port), await RawClient.connect(port)];

    writing.pause().request('GET /written-large');
    await timeline.until('query begins');
    other.pause().request('GET /large');
    // Both clients have stalled, the other one later.
    await timeline.until('task of the other');
    gate.resolve();
    await timeline.until('late task');
    other.destroy();
    writing.destroy();
    await settled(app);

    expect(timeline.events.filter((event) => event !== 'close')).toEqual([
      'Db opened',
      'query begins',
      'task of the other',
      'query ends',
      'late task',
      'Db committed',
      'Db released',
    ]);
  });

  it('keeps the connections of other modules open during the set-up of @Sse(), until app.close() has waited', async () => {
    const { app, port, timeline, gate } = await start();
    const client = await RawClient.connect(port);

    client.request('GET /events');
    await timeline.until('query begins');
    client.destroy();
    await timeline.until('close');
    const closed = app.close();
    gate.resolve();
    await closed;

    expect(timeline.events.slice(-4)).toEqual(['late task', 'Db committed', 'Db released', 'pool closed']);
  });

  it('is ended by the shutdown deadline where it never settles', async () => {
    const { app, port, timeline } = await start({ shutdownTimeoutMs: 50 });
    const client = await RawClient.connect(port);

    client.request('GET /events');
    await timeline.until('query begins');
    client.destroy();
    await app.close();

    expect(timeline.events).toContain('pool closed');
  });

  async function start(options?: BackgroundTasksModuleOptions) {
    const timeline = new Timeline();
    const gate = deferred();
    const { app, url, port, logs } = await startApp(platform, {
      ...(options && { options }),
      controllers: [Running, Intercepted],
      providers: [
        { provide: Timeline, useValue: timeline },
        { provide: Gate, useValue: gate },
        recordedResource(timeline, { provide: 'Db' }),
        recordedResource(timeline, { provide: 'Tx', release: 'before-response' }),
        AsyncInterceptor,
        HeldBack,
        Pool,
      ],
      configure: (nest) => {
        const heldBack = nest.get(HeldBack);
        nest.use((request: { url: string }, response: NodeJS.EventEmitter, next: () => void) => {
          response.once('close', () => timeline.note('close'));
          if (request.url === '/held-back') heldBack.hold(next);
          else next();
        });
      },
    });
    return { app, url, port, logs, timeline, gate };
  }
});

/** Middleware that passes its request on when the test says so. */
@Injectable()
class HeldBack {
  #next: (() => void) | undefined;

  constructor(private readonly timeline: Timeline) {}

  hold(next: () => void): void {
    this.#next = next;
    this.timeline.note('held back');
  }

  pass(): void {
    this.#next!();
  }
}

@Injectable()
class Pool implements OnApplicationShutdown {
  constructor(private readonly timeline: Timeline) {}

  onApplicationShutdown(): void {
    this.timeline.note('pool closed');
  }
}

class Timeout implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      timeout(20),
      catchError((error: unknown) =>
        throwError(() => (error instanceof TimeoutError ? new RequestTimeoutException() : error)),
      ),
    );
  }
}

class Stale implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(timeout({ first: 20, with: () => of('stale') }));
  }
}

@Injectable()
class AsyncInterceptor implements NestInterceptor {
  constructor(
    private readonly timeline: Timeline,
    private readonly gate: Gate,
    private readonly tasks: BackgroundTasks,
  ) {}

  async intercept(_context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    this.timeline.note('query begins');
    await this.gate.promise;
    this.timeline.note('query ends');
    this.tasks.with({ runOn: 'always' }).addTask(this.timeline.note, 'late task');
    return next.handle();
  }
}

@Controller()
class Intercepted {
  @Get('intercepted')
  @UseInterceptors(Timeout, AsyncInterceptor)
  get(): void {}
}

@Controller()
class Running {
  static endless: ServerResponse | undefined;

  constructor(
    private readonly timeline: Timeline,
    private readonly gate: Gate,
  ) {}

  @Sse('events')
  async events(@Resource('Db') _db: object, @Tasks() tasks: BackgroundTasks): Promise<Subject<never>> {
    await this.#query(tasks);
    return new Subject();
  }

  @Get('pieces')
  async *pieces(@Resource('Db') _db: object, @Tasks() tasks: BackgroundTasks): AsyncGenerator<string> {
    await this.#query(tasks);
    yield 'piece';
  }

  @Get('two-pieces')
  async *twoPieces(@Resource('Db') _db: object, @Tasks() tasks: BackgroundTasks): AsyncGenerator<string> {
    yield 'first piece';
    await this.#query(tasks);
    yield 'second piece';
  }

  @Get('timed-out')
  @UseInterceptors(Timeout)
  async timedOut(@Resource('Db') _db: object, @Tasks() tasks: BackgroundTasks): Promise<void> {
    await this.#query(tasks);
  }

  @Get('timed-out-transaction')
  @UseInterceptors(Timeout)
  async timedOutTransaction(@Resource('Tx') _tx: object, @Tasks() tasks: BackgroundTasks): Promise<void> {
    await this.#query(tasks);
  }

  @Get('stale')
  @UseInterceptors(Stale)
  async stale(@Resource('Tx') _tx: object, @Tasks() tasks: BackgroundTasks): Promise<void> {
    await this.#query(tasks);
  }

  @Get('held-back')
  async heldBack(@Resource('Db') _db: object, @Tasks() tasks: BackgroundTasks): Promise<void> {
    await this.#query(tasks);
  }

  @Get('file')
  file(@Resource('Db') _db: object, @Tasks() tasks: BackgroundTasks): StreamableFile {
    const query = () => this.#query(tasks);
    return new StreamableFile(
      Readable.from(
        (async function* () {
          await query();
          yield 'piece';
        })(),
      ),
    );
  }

  @Get('written')
  async written(
    @Res() response: FrameworkResponse,
    @Resource('Db') _db: object,
    @Tasks() tasks: BackgroundTasks,
  ): Promise<void> {
    rawOf(response).write('begins');
    await this.#query(tasks);
    rawOf(response).end();
  }

  @Get('written-large')
  async writtenLarge(
    @Res() response: FrameworkResponse,
    @Resource('Db') _db: object,
    @Tasks() tasks: BackgroundTasks,
  ): Promise<void> {
    rawOf(response).write(LARGE);
    await this.#query(tasks);
    rawOf(response).end();
  }

  @Get('large')
  large(@Tasks() tasks: BackgroundTasks): Buffer {
    tasks.addTask(this.timeline.note, 'task of the other');
    return LARGE;
  }

  @Get('endless')
  async *endless(
    @Res({ passthrough: true }) response: FrameworkResponse,
    @Resource('Db') _db: object,
    @Tasks() tasks: BackgroundTasks,
  ): AsyncGenerator<Buffer> {
    Running.endless = rawOf(response);
    try {
      for (;;) yield LARGE;
    } finally {
      this.timeline.note('finally begins');
      await new Promise(setImmediate);
      this.timeline.note('finally ends');
      tasks.addTask(this.timeline.note, 'late task');
    }
  }

  async #query(tasks: BackgroundTasks): Promise<void> {
    this.timeline.note('query begins');
    await this.gate.promise;
    this.timeline.note('query ends');
    tasks.with({ runOn: 'always' }).addTask(this.timeline.note, 'late task');
  }
}
