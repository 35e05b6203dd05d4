import { Controller, ForbiddenException, Get, Injectable, Post, Req, Res, Scope } from '@nestjs/common';
import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, provideResource, Resource, Tasks, type OnRequestDispose } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { Gate } from '../support/gate.js';
import type { FrameworkResponse } from '../support/http-types.js';
import { platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { RecordedEvents } from '../support/recorded-events.js';

describe.each(platforms)('B42 the events of a request on $name', (platform) => {
  it('tell its whole life, in order', async () => {
    const { app, url, events } = await start();

    await fetch(`${url}/orders/7`, { method: 'POST' });
    await settled(app);

    expect(events.names).toEqual([
      'scopeOpened',
      'resourceAcquired',
      'taskAccepted',
      'handlerEnded',
      'resourceReleased',
      'responseClosed',
      'taskStarted',
      'resourceAcquired',
      'taskSettled',
      'resourceReleased',
      'scopeClosed',
    ]);
  });

  it('say which route it was, how it was answered, and how it ended', async () => {
    const { app, url, events } = await start();

    await fetch(`${url}/orders/7`, { method: 'POST' });
    await settled(app);

    const [{ scope } = raise()] = events.of('scopeOpened');
    expect(scope).toMatchObject({
      kind: 'http',
      description: 'POST /orders/:id',
      method: 'POST',
      route: '/orders/:id',
    });
    expect(events.of('responseClosed')).toMatchObject([{ scope, statusCode: 201, aborted: false }]);
    expect(events.of('scopeClosed')).toMatchObject([
      { scope, outcome: { succeeded: true, statusCode: 201, aborted: false } },
    ]);
  });

  it('have moments on one clock, which never goes back and agrees with the date', async () => {
    const { app, url, events } = await start();
    const before = Date.now();

    await fetch(`${url}/orders/7`, { method: 'POST' });
    await settled(app);

    const [{ scope } = raise()] = events.of('scopeOpened');
    const moments = [scope.begunAt, ...events.all.map(({ at }) => at)];
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
    expect(moments[0]! - before).toBeGreaterThan(-CLOCKS_DIFFER_MS);
    expect(Date.now() - moments.at(-1)!).toBeGreaterThan(-CLOCKS_DIFFER_MS);
  });

  it('say of each resource its name, when it is released, who took it, and for how long each end took', async () => {
    const { app, url, events } = await start();

    await fetch(`${url}/orders/7`, { method: 'POST' });
    await settled(app);

    const [{ task } = raise()] = events.of('taskAccepted');
    const [transaction, session] = [
      { id: 1, name: 'Transaction', release: 'before-response' },
      { id: 2, name: 'Session', release: 'after-tasks' },
    ];
    const durationMs = expect.any(Number) as number;
    expect(events.of('resourceAcquired')).toMatchObject([
      { resource: transaction, durationMs },
      { resource: session, durationMs, taskId: task.id },
    ]);
    expect(events.of('resourceReleased')).toMatchObject([
      { resource: transaction, durationMs },
      { resource: session, durationMs },
    ]);
    expect(events.of('resourceAcquired')[0]).not.toHaveProperty('taskId');
  });

  it('are none for a request that uses nothing of the package', async () => {
    const { url, events } = await start();

    await fetch(`${url}/orders`);

    expect(events.names).toEqual([]);
  });

  it('say that the handler threw, with the error, and discard its tasks with the reason', async () => {
    const { app, url, events } = await start();

    await fetch(`${url}/orders/refused`);
    await settled(app);

    const error = expect.any(ForbiddenException) as ForbiddenException;
    expect(events.of('handlerEnded')).toMatchObject([{ error }]);
    expect(events.of('responseClosed')).toMatchObject([{ statusCode: 403 }]);
    expect(events.of('taskSettled')).toMatchObject([{ report: { state: 'discarded' }, reason: 'request-failed' }]);
    expect(events.of('scopeClosed')).toMatchObject([{ outcome: { succeeded: false, error } }]);
  });

  it('say that the exit of a resource failed, and not that the handler did', async () => {
    const { app, url, events } = await start();

    await fetch(`${url}/orders/uncommitted`);
    await settled(app);

    const [{ error: handlerError } = raise()] = events.of('handlerEnded') as { error?: unknown }[];
    expect(handlerError).toBeUndefined();
    expect(events.of('resourceReleased')).toMatchObject([{ error: new Error('no commit') }]);
    expect(events.of('responseClosed')).toMatchObject([{ statusCode: 500 }]);
  });

  it('say that a resource was not to be had, and never that it was released', async () => {
    const { app, url, events } = await start();

    await fetch(`${url}/orders/unconnected`);
    await settled(app);

    expect(events.of('resourceAcquired')).toMatchObject([
      { resource: { name: 'Unconnected' }, error: new Error('no connection') },
    ]);
    expect(events.of('resourceReleased')).toEqual([]);
  });

  it('count an error that a resource only throws on as none of its own', async () => {
    const { app, url, events } = await start();

    await fetch(`${url}/orders/rolled-back`);
    await settled(app);

    const [released = raise()] = events.of('resourceReleased');
    expect(released).not.toHaveProperty('error');
  });

  it('tell of request-scoped instances that are disposed of', async () => {
    const { app, url, events } = await start();

    await fetch(`${url}/instances`);
    await settled(app);

    const resource = { id: 1, name: 'Disposed', release: 'after-tasks' };
    expect(events.of('resourceAcquired')).toMatchObject([{ resource }]);
    expect(events.of('resourceReleased')).toMatchObject([{ resource }]);
  });

  it('say that the client has left, when it leaves, while the handler goes on', async () => {
    const { app, port, events, gate } = await start();
    const client = await RawClient.connect(port);

    client.request('GET /orders/held');
    await events.until('taskAccepted');
    client.destroy();
    await events.until('responseClosed');
    const namesByThen = events.names;
    gate.resolve();
    await settled(app);

    expect(namesByThen).toEqual(['scopeOpened', 'taskAccepted', 'responseClosed']);
    expect(events.of('responseClosed')).toMatchObject([{ aborted: true }]);
    expect(events.of('taskSettled')).toMatchObject([{ report: { state: 'discarded' }, reason: 'client-left' }]);
    expect(events.names.filter((name) => name === 'responseClosed')).toHaveLength(1);
  });

  it('tell once when the handler of a manual response has ended', async () => {
    const { app, url, events } = await start();

    await fetch(`${url}/orders/manual`);
    await settled(app);

    expect(events.names.filter((name) => name === 'handlerEnded')).toHaveLength(1);
    expect(events.of('responseClosed')).toMatchObject([{ statusCode: 202 }]);
  });

  it('have a scope of its own for each of two requests at a time', async () => {
    const { app, url, events } = await start();

    await Promise.all([1, 2].map((id) => fetch(`${url}/orders/${id}`, { method: 'POST' })));
    await settled(app);

    const ids = events.of('scopeOpened').map(({ scope }) => scope.id);
    expect(new Set(ids).size).toBe(2);
    expect(new Set(events.of('taskSettled').map(({ scope }) => scope?.id))).toEqual(new Set(ids));
  });

  async function start() {
    const events = new RecordedEvents();
    const gate = deferred();
    const running = await startApp(platform, {
      options: { observers: [events.observer] },
      controllers: [Orders, Instances],
      providers: [{ provide: Gate, useValue: gate }, Disposed, ...resources],
    });
    return { ...running, events, gate };
  }
});

/** Two clocks of one machine, the one of which shows whole milliseconds. */
const CLOCKS_DIFFER_MS = 50;

abstract class Transaction {}
abstract class Uncommitted {}
abstract class Unconnected {}

class Session {
  readonly name = 'session';
}

const resources = [
  provideResource({
    provide: Transaction,
    release: 'before-response',
    async *useFactory() {
      yield {};
    },
  }),
  provideResource({
    provide: Uncommitted,
    release: 'before-response',
    async *useFactory() {
      yield {};
      throw new Error('no commit');
    },
  }),
  provideResource({
    provide: Unconnected,
    async *useFactory() {
      await Promise.reject(new Error('no connection'));
      yield {};
    },
  }),
  provideResource({
    provide: Session,
    useFactory: () => new Session(),
    dispose: () => undefined,
  }),
];

@Injectable({ scope: Scope.REQUEST })
class Disposed implements OnRequestDispose {
  onRequestDispose() {}
}

@Controller('instances')
class Instances {
  constructor(readonly disposed: Disposed) {}

  @Get()
  get() {
    return 'got';
  }
}

@Controller('orders')
class Orders {
  constructor(
    private readonly gate: Gate,
    private readonly moduleRef: ModuleRef,
  ) {}

  @Get()
  list() {
    return [];
  }

  @Get('refused')
  refuse(@Tasks() tasks: BackgroundTasks) {
    tasks.addTask(() => undefined);
    throw new ForbiddenException();
  }

  @Get('uncommitted')
  uncommitted(@Resource(Uncommitted) _uncommitted: Uncommitted) {}

  @Get('rolled-back')
  rollBack(@Resource(Transaction) _transaction: Transaction) {
    throw new ForbiddenException();
  }

  @Get('unconnected')
  unconnected(@Resource(Unconnected) _unconnected: Unconnected) {}

  @Get('held')
  async hold(@Tasks() tasks: BackgroundTasks) {
    tasks.with({ onAbort: 'skip' }).addTask(() => undefined);
    await this.gate.promise;
  }

  @Get('manual')
  manual(@Tasks() tasks: BackgroundTasks, @Res() response: FrameworkResponse) {
    tasks.addTask(() => undefined);
    response.status(202).send('sent');
  }

  @Post(':id')
  create(@Req() request: object, @Resource(Transaction) _transaction: Transaction, @Tasks() tasks: BackgroundTasks) {
    const contextId = ContextIdFactory.create();
    this.moduleRef.registerRequestByContextId(request, contextId);
    tasks.addTask(() => this.moduleRef.resolve(Session, contextId));
    return 'created';
  }
}

function raise(): never {
  throw new Error('There is no such event.');
}
