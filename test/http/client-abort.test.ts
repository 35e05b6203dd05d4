import {
  Controller,
  Get,
  HttpException,
  Injectable,
  Post,
  Res,
  type ExecutionContext,
  type CallHandler,
  UseInterceptors,
} from '@nestjs/common';
import { finalize, NEVER, Observable, tap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, currentTask, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { Gate } from '../support/gate.js';
import type { FrameworkResponse } from '../support/http-types.js';
import { platforms, startApp } from '../support/platforms.js';
import { noteResponseEnds } from '../support/plugins.js';
import { RawClient } from '../support/raw-client.js';
import { Timeline } from '../support/timeline.js';

describe.each(platforms)('B9 a client that leaves on $name', (platform) => {
  it.each([
    { how: 'that returns', path: 'GET /held' },
    { how: 'of a POST that was read to its end', path: 'POST /held' },
    { how: 'with @Res()', path: 'GET /held-manual' },
  ])('does not interrupt a handler $how, and waits for it', async ({ path }) => {
    const { app, port, timeline, gate } = await start();
    const client = await RawClient.connect(port);

    client.request(path);
    await timeline.until('handler begins');
    client.destroy();
    await timeline.until('close');
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ waiting: 2, running: 0 });
    gate.resolve();
    await settled(app);

    expect(ours(timeline)).toEqual(['handler begins', 'handler ends', 'interceptor ends', 'task aborted']);
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 2, succeeded: 1, discarded: 1 });
  });

  it('waits for the interceptors around the handler, too', async () => {
    const { app, port, timeline, gate } = await start();
    const client = await RawClient.connect(port);

    client.request('GET /quick-with-slow-interceptor');
    await timeline.until('handler ends');
    client.destroy();
    await timeline.until('close');
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ waiting: 2, running: 0 });
    gate.resolve();
    await settled(app);

    expect(ours(timeline)).toEqual(['handler ends', 'interceptor ends', 'task aborted']);
  });

  it('lets Nest unsubscribe from a returned Observable, and runs the tasks after that', async () => {
    const { app, port, timeline } = await start();
    const client = await RawClient.connect(port);

    client.request('GET /observable');
    await timeline.until('handler begins');
    client.destroy();
    await timeline.until('task aborted');
    await settled(app);

    expect(ours(timeline)).toEqual(['handler begins', 'unsubscribed', 'task aborted']);
  });

  it('discards the success tasks of a handler that fails after the client left', async () => {
    const { app, port, timeline, gate } = await start();
    const client = await RawClient.connect(port);

    client.request('GET /held');
    await timeline.until('handler begins');
    client.destroy();
    await timeline.until('close');
    gate.reject(new HttpException('late', 400));
    await settled(app);

    expect(ours(timeline)).toEqual(['handler begins']);
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 2, discarded: 2 });
  });

  it('discards tasks with onAbort "skip", and says so', async () => {
    const { app, port, timeline, gate, logs } = await start();
    const client = await RawClient.connect(port);

    client.request('GET /held');
    await timeline.until('handler begins');
    client.destroy();
    await timeline.until('close');
    gate.resolve();
    await settled(app);

    expect(timeline.count('skippable')).toBe(0);
    expect(logs.warnings).toEqual([expect.stringMatching(/^Discarded "skippable": the client of GET \/held left/)]);
  });

  it('runs both where the client leaves after the last byte', async () => {
    const { app, port, timeline, gate, logs } = await start();
    const client = await RawClient.connect(port);
    gate.resolve();

    client.request('GET /held');
    await client.receive('the whole response');
    client.destroy();
    await settled(app);

    expect(ours(timeline).slice(-2)).toEqual(['task', 'skippable']);
    expect(logs.warnings).toEqual([]);
  });

  it('runs them once when the client leaves in the middle of the body', async () => {
    const { app, port, timeline, gate } = await start();
    const client = await RawClient.connect(port);

    client.request('GET /half');
    await client.receive('first half');
    client.destroy();
    await timeline.until('close');
    gate.resolve();
    await timeline.until('task aborted');
    await settled(app);

    expect(ours(timeline)).toEqual(['task aborted']);
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 2, succeeded: 1, discarded: 1 });
  });

  async function start() {
    const timeline = new Timeline();
    const gate = deferred();
    const { app, port, logs } = await startApp(platform, {
      controllers: [Held],
      providers: [{ provide: Timeline, useValue: timeline }, { provide: Gate, useValue: gate }, SlowInterceptor],
      configure: (nest) => noteResponseEnds(nest, timeline.note),
    });
    return { app, port, logs, timeline, gate };
  }
});

function ours(timeline: Timeline): string[] {
  return timeline.events.filter((event) => event !== 'finish' && event !== 'close');
}

@Injectable()
class SlowInterceptor {
  constructor(
    private readonly timeline: Timeline,
    private readonly gate: Gate,
  ) {}

  async intercept(_context: ExecutionContext, next: CallHandler) {
    const handled = next.handle().pipe(tap(() => this.timeline.note('interceptor ends')));
    return new Observable((subscriber) => {
      handled.subscribe({
        next: (value) => void this.gate.promise.then(() => subscriber.next(value)),
        complete: () => void this.gate.promise.then(() => subscriber.complete()),
        error: (error: unknown) => subscriber.error(error),
      });
    });
  }
}

@Injectable()
class NotingInterceptor {
  constructor(private readonly timeline: Timeline) {}

  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(tap(() => this.timeline.note('interceptor ends')));
  }
}

@Controller()
class Held {
  constructor(
    private readonly timeline: Timeline,
    private readonly gate: Gate,
  ) {}

  @Get('held')
  @UseInterceptors(NotingInterceptor)
  async held(@Tasks() tasks: BackgroundTasks): Promise<string> {
    this.#add(tasks);
    this.timeline.note('handler begins');
    await this.gate.promise;
    this.timeline.note('handler ends');
    return 'the whole response';
  }

  @Post('held')
  @UseInterceptors(NotingInterceptor)
  post(@Tasks() tasks: BackgroundTasks): Promise<string> {
    return this.held(tasks);
  }

  @Get('held-manual')
  @UseInterceptors(NotingInterceptor)
  async heldManual(@Res() response: FrameworkResponse, @Tasks() tasks: BackgroundTasks): Promise<void> {
    response.status(200).send(await this.held(tasks));
  }

  @Get('quick-with-slow-interceptor')
  @UseInterceptors(SlowInterceptor)
  quick(@Tasks() tasks: BackgroundTasks): string {
    this.#add(tasks);
    this.timeline.note('handler ends');
    return 'quick';
  }

  @Get('observable')
  observable(@Tasks() tasks: BackgroundTasks): Observable<never> {
    this.#add(tasks);
    this.timeline.note('handler begins');
    return NEVER.pipe(finalize(() => this.timeline.note('unsubscribed')));
  }

  @Get('half')
  async *half(@Tasks() tasks: BackgroundTasks): AsyncGenerator<string> {
    this.#add(tasks);
    yield 'first half';
    await this.gate.promise;
    yield 'second half';
  }

  #add(tasks: BackgroundTasks): void {
    tasks.addTask(() => this.timeline.note(currentTask().outcome.aborted ? 'task aborted' : 'task'));
    tasks.with({ name: 'skippable', onAbort: 'skip' }).addTask(this.timeline.note, 'skippable');
  }
}
