import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  Param,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import type { Response } from 'express';
import { tap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksRef, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { ClientThread } from '../support/client-thread.js';
import { deferred } from '../support/deferred.js';
import { Gate } from '../support/gate.js';
import { platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { scaled } from '../support/scale.js';
import { Timeline } from '../support/timeline.js';

describe.each(platforms)('B1 the response goes first on $name', (platform) => {
  it('starts the first task when the client has the last byte, however long the task blocks the process', async () => {
    const client = new ClientThread();
    const seen: boolean[] = [];

    @Controller()
    class Blocking {
      #responses = 0;

      @Get()
      get(@Tasks() tasks: BackgroundTasks) {
        const mine = ++this.#responses;
        tasks.addTask(() => seen.push(client.hasReceived(mine)));
        return { padding: 'x'.repeat(1_000) };
      }
    }
    const { app, port } = await startApp(platform, { controllers: [Blocking] });
    const requests = scaled(200, 1_000);

    await client.run(port, '/', requests);
    await settled(app);

    expect(seen).toHaveLength(requests);
    expect(seen.filter((isReceived) => !isReceived)).toEqual([]);
  });

  it('starts it after "finish" for tasks from guard, pipe, interceptor, service and handler alike', async () => {
    const timeline = new Timeline();
    const { app, url } = await startApp(platform, {
      controllers: [Everywhere],
      providers: [{ provide: Timeline, useValue: timeline }, Nested, AddingGuard, AddingPipe, AddingInterceptor],
      configure: (nest) =>
        nest.use((_request: unknown, response: Response, next: () => void) => {
          response.once('finish', () => timeline.note('finish'));
          next();
        }),
    });

    for (let request = 0; request < 50; request++) await (await fetch(`${url}/7`)).text();
    await settled(app);

    const one = ['finish', 'guard', 'interceptor', 'pipe', 'handler', 'service', 'interceptor after'];
    expect(timeline.events).toEqual(Array.from({ length: 50 }, () => one).flat());
  });

  it('holds up neither its response, nor another request, nor the next on the same connection', async () => {
    const hold = deferred();
    const timeline = new Timeline();
    const { app, url, port } = await startApp(platform, {
      controllers: [Holding],
      providers: [
        { provide: Gate, useValue: hold },
        { provide: Timeline, useValue: timeline },
      ],
    });
    const client = await RawClient.connect(port);

    client.request('GET /held');
    await client.receive('held response');
    await timeline.until('held task');
    await client.request('GET /free').receive('free response');
    const other = await (await fetch(`${url}/free`)).text();

    expect(other).toBe('free response');
    expect(timeline.events).toEqual(['held task']);
    hold.resolve();
    await settled(app);
    expect(timeline.events).toEqual(['held task', 'held task done']);
  });
});

@Injectable()
class Nested {
  constructor(
    private readonly ref: BackgroundTasksRef,
    private readonly timeline: Timeline,
  ) {}

  add(event: string): void {
    this.ref.current.addTask(this.timeline.note, event);
  }
}

@Injectable()
class AddingGuard {
  constructor(private readonly nested: Nested) {}

  canActivate(): boolean {
    this.nested.add('guard');
    return true;
  }
}

@Injectable()
class AddingPipe {
  constructor(private readonly nested: Nested) {}

  transform(value: unknown): unknown {
    this.nested.add('pipe');
    return value;
  }
}

@Injectable()
class AddingInterceptor {
  constructor(private readonly nested: Nested) {}

  intercept(_context: ExecutionContext, next: CallHandler) {
    this.nested.add('interceptor');
    return next.handle().pipe(tap(() => this.nested.add('interceptor after')));
  }
}

@Controller()
@UseGuards(AddingGuard)
@UseInterceptors(AddingInterceptor)
class Everywhere {
  constructor(
    private readonly nested: Nested,
    private readonly timeline: Timeline,
  ) {}

  @Get(':id')
  get(@Param('id', AddingPipe) _id: string, @Tasks() tasks: BackgroundTasks): string {
    tasks.addTask(this.timeline.note, 'handler');
    this.nested.add('service');
    return 'ok';
  }
}

@Controller()
class Holding {
  constructor(
    private readonly hold: Gate,
    private readonly timeline: Timeline,
  ) {}

  @Get('held')
  held(@Tasks() tasks: BackgroundTasks): string {
    tasks.addTask(async () => {
      this.timeline.note('held task');
      await this.hold.promise;
      this.timeline.note('held task done');
    });
    return 'held response';
  }

  @Get('free')
  free(): string {
    return 'free response';
  }
}
