import type { Socket } from 'node:net';
import {
  Catch,
  Controller,
  type ExceptionFilter,
  ForbiddenException,
  Get,
  Inject,
  Injectable,
  Param,
  Req,
  ParseIntPipe,
  Scope,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD, REQUEST } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { BackgroundTasksHost, type OnRequestDispose, type TaskOutcome } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred, type Deferred } from '../support/deferred.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';

const timeline = useTimeline();
const outcomes: TaskOutcome[] = [];

describe.each(platforms)('B23 exit paths without an interceptor, and without any task, on $name', (platform) => {
  it('disposes once when a guard denies', async () => {
    const { app, url } = await startApp(platform, { controllers: [DeniedController], providers: [Service] });

    const { status } = await fetchText(`${url}/denied`);
    await settled(app);

    expect(status).toBe(403);
    expect(timeline.events).toEqual(['DenyGuard failed', 'Service failed']);
  });

  it('disposes once when a pipe throws', async () => {
    const { app, url } = await startApp(platform, { controllers: [PathsController], providers: [Service] });

    const { status } = await fetchText(`${url}/paths/number/none`);
    await settled(app);

    expect(status).toBe(400);
    expect(timeline.events).toEqual(['Service failed']);
  });

  it('disposes once when the handler throws', async () => {
    const { app, url } = await startApp(platform, { controllers: [PathsController], providers: [Service] });

    const { status } = await fetchText(`${url}/paths/throws`);
    await settled(app);

    expect(status).toBe(500);
    expect(timeline.events).toEqual(['Service failed']);
  });

  it('disposes once when a filter throws synchronously', async () => {
    const { app, url } = await startApp(platform, { controllers: [PathsController], providers: [Service] });

    const { status } = await fetchText(`${url}/paths/filtered`);
    await settled(app);

    expect(status).toBe(500);
    expect(timeline.events).toEqual(['Service failed']);
  });

  it('disposes of what was built when an asynchronous factory rejects', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [BrokenController],
      providers: [
        Service,
        { provide: 'other', useFactory: () => undefined },
        rejecting(() => Promise.reject(new Error('no'))),
      ],
    });

    const { status } = await fetchText(`${url}/broken`);
    await settled(app);

    expect(status).toBe(500);
    expect(timeline.events).toEqual(['Service failed']);
  });

  it('waits for siblings that are still under construction after the error was answered', async () => {
    const slow = deferred();
    const slowAsked = deferred();
    const { app, url } = await startApp(platform, {
      controllers: [BrokenController],
      providers: [
        Service,
        Slow,
        { provide: 'other', useExisting: Slow },
        {
          provide: 'slow input',
          inject: [REQUEST],
          useFactory: () => {
            slowAsked.resolve();
            return slow.promise;
          },
        },
        rejecting(async () => {
          await slowAsked.promise;
          throw new Error('no');
        }),
      ],
    });

    const { status } = await fetchText(`${url}/broken`);
    expect(status).toBe(500);
    expect(timeline.events).toEqual([]);
    slow.resolve();
    await settled(app);

    expect(timeline.events).toEqual(['Slow failed', 'Service failed']);
  });

  it('disposes once when the client leaves, after the handler has settled', async () => {
    const gate = deferred();
    const reached = deferred();
    const left = deferred();
    const { app, port } = await startApp(platform, {
      controllers: [HeldController],
      providers: [Service, { provide: 'gate', useValue: { gate, reached, left } }],
    });
    const client = await RawClient.connect(port);

    client.request('GET /held');
    await reached.promise;
    client.destroy();
    await left.promise;
    expect(timeline.events).toEqual([]);
    gate.resolve();
    await settled(app);
    await app.get(BackgroundTasksHost).onIdle();

    expect(timeline.events).toEqual(['Service succeeded']);
    expect(outcomes.at(-1)?.aborted).toBe(true);
  });

  it('has nothing to dispose for an unknown route', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [PathsController],
      providers: [Service, { provide: APP_GUARD, scope: Scope.REQUEST, useClass: DenyGuard }],
    });

    const { status } = await fetchText(`${url}/unknown`);
    await settled(app);

    expect(status).toBe(404);
    expect(timeline.events).toEqual([]);
  });

  it('leaves no scope open', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [PathsController, DeniedController],
      providers: [Service],
    });
    const paths = ['/denied', '/paths/number/none', '/paths/throws', '/paths/filtered'];

    await Promise.all(paths.map((path) => fetchText(url + path)));
    await app.get(BackgroundTasksHost).onIdle();

    expect(timeline.events.filter((entry) => entry === 'Service failed')).toHaveLength(4);
  });
});

/** A provider that fails in the middle of the construction of its request. */
const rejecting = (useFactory: () => Promise<unknown>) => ({ provide: 'rejecting', inject: [REQUEST], useFactory });

abstract class Noted implements OnRequestDispose {
  onRequestDispose(outcome: TaskOutcome) {
    outcomes.push(outcome);
    timeline.note(`${this.constructor.name} ${outcome.succeeded ? 'succeeded' : 'failed'}`);
  }
}

@Injectable({ scope: Scope.REQUEST })
class Service extends Noted {}

@Injectable({ scope: Scope.REQUEST })
class Slow extends Noted {
  constructor(
    @Inject('slow input') readonly input: unknown,
    readonly service: Service,
  ) {
    super();
  }
}

@Injectable({ scope: Scope.REQUEST })
class DenyGuard extends Noted {
  constructor(readonly service: Service) {
    super();
  }

  canActivate(): boolean {
    throw new ForbiddenException();
  }
}

@Controller('denied')
@UseGuards(DenyGuard)
class DeniedController {
  constructor(readonly service: Service) {}

  @Get()
  get() {
    return 'never';
  }
}

@Catch()
class ThrowingFilter implements ExceptionFilter {
  catch() {
    throw new Error('the filter failed, too');
  }
}

@Controller('paths')
class PathsController {
  constructor(readonly service: Service) {}

  @Get('number/:id')
  number(@Param('id', ParseIntPipe) id: number) {
    return id;
  }

  @Get('throws')
  throws() {
    throw new Error('handler');
  }

  @Get('filtered')
  @UseFilters(ThrowingFilter)
  filtered() {
    throw new Error('handler');
  }
}

@Controller('broken')
class BrokenController {
  constructor(
    readonly service: Service,
    @Inject('other') readonly other: unknown,
    @Inject('rejecting') readonly broken: unknown,
  ) {}

  @Get()
  get() {
    return 'never';
  }
}

@Controller('held')
class HeldController {
  constructor(
    readonly service: Service,
    @Inject('gate') private readonly gates: Record<'gate' | 'reached' | 'left', Deferred>,
  ) {}

  @Get()
  async get(@Req() request: { readonly socket: Socket }) {
    request.socket.once('close', () => this.gates.left.resolve());
    this.gates.reached.resolve();
    await this.gates.gate.promise;
    return 'too late';
  }
}
