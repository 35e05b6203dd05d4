import { Controller, Get, Injectable, Post, Scope } from '@nestjs/common';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turnOfTheEventLoop } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, Tasks, TaskScopes } from '../../src/index.js';
import { drainBegun, idleConnection } from '../support/connections.js';
import { deferred } from '../support/deferred.js';
import { platforms, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';
import { Timeline } from '../support/timeline.js';

describe.each(platforms)('B18 draining on $name', (platform) => {
  it('answers the request in flight, runs its tasks and disposes, then resolves', async () => {
    const work = new Work();
    work.holdsTask = true;
    const { app, url, port } = await startApp(platform, settings(work));
    const connectionsClosed: Promise<unknown>[] = [];
    (app.getHttpServer() as Server).on('connection', (socket: Socket) => connectionsClosed.push(once(socket, 'close')));
    const host = app.get(BackgroundTasksHost);
    const idle = await idleConnection(port);
    const answer = fetch(`${url}/work`, { method: 'POST' });
    await work.entered.promise;

    const drained = host.drain().then(() => work.timeline.note('drained'));
    await drainBegun(idle);
    expect(host.isDraining).toBe(true);
    work.proceed.resolve();
    expect((await answer).status).toBe(201);
    await Promise.all(connectionsClosed);
    await turnOfTheEventLoop();
    expect(work.timeline.events).toEqual(['handler', 'task']);
    work.taskMayEnd.resolve();
    await drained;

    expect(work.timeline.events).toEqual(['handler', 'task', 'added late', 'disposed', 'drained']);
    expect(host.stats()).toMatchObject({ accepted: 2, succeeded: 2, waiting: 0, running: 0 });
  });

  it('accepts what a request in flight adds while it drains, and refuses with SHUTTING_DOWN what comes after', async () => {
    const work = new Work();
    const { app, url } = await startApp(platform, settings(work));
    const host = app.get(BackgroundTasksHost);
    const answer = fetch(`${url}/work`, { method: 'POST' });
    await work.entered.promise;

    const drained = host.drain();
    const duringDrain = work.tasks!.addTask(() => work.timeline.note('during'));
    work.proceed.resolve();
    await (await answer).text();
    await drained;

    await expect(duringDrain.settled).resolves.toMatchObject({ state: 'succeeded' });
    expect(() => work.tasks!.addTask(() => undefined)).toThrow(
      expect.objectContaining({ code: 'SHUTTING_DOWN', status: 503 }),
    );
    await expect(app.get(TaskScopes).run(() => 1)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(host.stats()).toMatchObject({ accepted: 3, succeeded: 3 });
  });

  it('joins a drain that has begun, and close() after it resolves', async () => {
    const work = new Work();
    const { app } = await startApp(platform, settings(work));
    const host = app.get(BackgroundTasksHost);

    const first = host.drain();
    const second = host.drain({ timeoutMs: 0 });
    expect(second).toBe(first);
    await first;
    await app.close();

    expect(work.destroyed).toBe(1);
  });

  it('closes once when close() is called twice', async () => {
    const work = new Work();
    const { app, url } = await startApp(platform, settings(work));
    const answer = fetch(`${url}/work`, { method: 'POST' });
    await work.entered.promise;

    const closing = Promise.all([app.close(), app.close()]);
    work.proceed.resolve();
    await (await answer).text();
    await closing;

    expect(work.destroyed).toBe(1);
    expect(work.timeline.events).toEqual(['handler', 'task', 'added late', 'disposed']);
  });

  it('waits for the next attempt of a task that is being retried', async () => {
    const work = new Work();
    const { app, url, logs } = await startApp(platform, settings(work));
    await (await fetch(`${url}/work/retried`)).text();
    await work.entered.promise;

    await app.close();

    expect(work.timeline.events).toEqual(['attempt', 'attempt']);
    expect(logs.errors).toEqual([]);
  });

  it('takes a retry that lies beyond the deadline for failed when the signals abort', async () => {
    const work = new Work();
    const { app, url, logs } = await startApp(platform, { ...settings(work), options: { shutdownTimeoutMs: 1_000 } });
    const host = app.get(BackgroundTasksHost);
    await (await fetch(`${url}/work/retried-much-later`)).text();
    await work.entered.promise;

    await app.close();

    expect(host.stats()).toMatchObject({ accepted: 1, failed: 1, abandoned: 0, running: 0 });
    expect(logs.errors).toEqual([expect.stringMatching(/failing.*attempt 1/)]);
  });
});

describe('B18 draining by hand', () => {
  it('refuses a timeout that is none', async () => {
    const { host } = await startContext();

    expect(() => host.drain({ timeoutMs: Number.NaN })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(host.isDraining).toBe(false);
  });
});

function settings(work: Work) {
  @Injectable({ scope: Scope.REQUEST })
  class Session {
    [Symbol.asyncDispose](): Promise<void> {
      work.timeline.note('disposed');
      return Promise.resolve();
    }
  }

  @Controller('work')
  class WorkController {
    constructor(
      private readonly tasks: BackgroundTasks,
      readonly session: Session,
    ) {}

    @Post()
    async add(): Promise<void> {
      work.tasks = this.tasks;
      this.tasks.addTask(() => {
        work.timeline.note('task');
        return work.holdsTask ? work.taskMayEnd.promise : undefined;
      });
      work.entered.resolve();
      await work.proceed.promise;
      this.tasks.addTask(() => work.timeline.note('added late'));
      work.timeline.note('handler');
    }
  }

  @Controller('work')
  class RetryController {
    @Get('retried')
    retried(@Tasks() tasks: BackgroundTasks): void {
      tasks.with({ retry: { attempts: 2, delayMs: 50, jitter: 0 } }).addTask(() => {
        work.timeline.note('attempt');
        work.entered.resolve();
        if (work.timeline.events.length === 1) throw new Error('not yet');
      });
    }

    @Get('retried-much-later')
    retriedMuchLater(@Tasks() tasks: BackgroundTasks): void {
      tasks.with({ retry: { delayMs: 60_000, maxDelayMs: 60_000 } }).addTask(function failing() {
        work.entered.resolve();
        throw new Error('no luck');
      });
    }
  }

  @Injectable()
  class Destroyed {
    onModuleDestroy(): void {
      work.destroyed++;
    }
  }
  return { controllers: [WorkController, RetryController], providers: [Session, Destroyed] };
}

/** What the handler, its task and the test tell each other. */
class Work {
  readonly timeline = new Timeline();
  readonly entered = deferred();
  readonly proceed = deferred();
  readonly taskMayEnd = deferred();
  holdsTask = false;
  tasks: BackgroundTasks | undefined;
  destroyed = 0;
}
