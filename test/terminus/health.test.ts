import { Controller, Get, Post } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, BackgroundTasksHost, Tasks } from '../../src/index.js';
import { BackgroundTasksHealthIndicator, BackgroundTasksHealthModule } from '../../src/terminus/index.js';
import { deferred } from '../support/deferred.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { type AppSettings, type Platform, platforms, startApp } from '../support/platforms.js';

describe.each(platforms)('the health of tasks on $name', (platform) => {
  it('is up, with the backlog of the process', async () => {
    const { health } = await start(platform);

    expect(await health()).toEqual({
      status: 200,
      tasks: {
        status: 'up',
        waiting: 0,
        running: 0,
        maxPending: 10_000,
        oldestWaitingMs: 0,
        isDraining: false,
        backend: 'up',
      },
    });
  });

  it('is down while as many tasks wait as may, and up again', async () => {
    const { add, app, health } = await start(platform, { options: { maxPending: 2, maxRunning: 1 } });
    const gate = await add(2);
    await add(1);

    expect(await health()).toMatchObject({
      status: 503,
      tasks: { status: 'down', waiting: 2, running: 1, reasons: ['2 tasks wait; the limit is 2.'] },
    });
    gate.resolve();
    await app.get(BackgroundTasksHost).onIdle();
    expect((await health()).tasks.status).toBe('up');
  });

  it('is down while a task has waited for too long since it could run', async () => {
    const { add, health } = await start(platform, {}, { maxOldestWaitingMs: 0 });
    const gate = await add(2);

    const { status, tasks } = await health();
    gate.resolve();

    expect(status).toBe(503);
    expect(tasks.reasons).toEqual([expect.stringMatching(/^A task has waited for \d+ ms; the limit is 0 ms\.$/)]);
  });

  it('is down while the application shuts down', async () => {
    const { add, app, health } = await start(platform);
    const gate = await add(1);
    const checking = app.get(BackgroundTasksHealthIndicator);

    const drained = app.get(BackgroundTasksHost).drain();
    const { tasks } = await checking.check('tasks');
    gate.resolve();
    await drained;

    expect(tasks).toMatchObject({ status: 'down', isDraining: true, reasons: ['The application is shutting down.'] });
    expect(health).toBeDefined();
  });

  it.each([
    ['down', 503],
    ['degraded', 200],
  ] as const)('is %s with the reason of the backend', async (status, answered) => {
    class Backend extends MemoryBackend {
      override health() {
        return { status, reasons: ['redis is slow'] };
      }
    }
    const { health } = await start(platform, { imports: [memoryBackendModule(new Backend())] });

    expect(await health()).toMatchObject({ status: answered, tasks: { status, reasons: ['redis is slow'] } });
  });

  it('is down when the backend cannot tell', async () => {
    class Backend extends MemoryBackend {
      override health(): never {
        throw new Error('no idea');
      }
    }
    const { health } = await start(platform, { imports: [memoryBackendModule(new Backend())] });

    const { tasks } = await health();

    expect(tasks.backend).toBe('down');
    expect(tasks.reasons[0]).toContain('no idea');
  });

  it('refuses a limit that is none', async () => {
    const { app } = await start(platform);

    const checking = app.get(BackgroundTasksHealthIndicator).check('tasks', { maxWaiting: -1 });

    await expect(checking).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});

interface Answer {
  readonly status: number;
  readonly tasks: { readonly status: string; readonly backend: string; readonly reasons: readonly string[] };
}

async function start(platform: Platform, settings: AppSettings = {}, limits = {}) {
  const gate = deferred();
  const begun = deferred();
  let count = 0;
  @Controller()
  class Root {
    constructor(
      private readonly checks: HealthCheckService,
      private readonly tasks: BackgroundTasksHealthIndicator,
    ) {}

    @Get('health')
    @HealthCheck()
    check() {
      return this.checks.check([() => this.tasks.check('tasks', limits)]);
    }

    @Post()
    add(@Tasks() tasks: BackgroundTasks) {
      tasks.addTask(async () => {
        begun.resolve();
        await gate.promise;
      });
      for (let index = 1; index < count; index++) tasks.addTask(() => undefined);
    }
  }
  const { app, url } = await startApp(platform, {
    ...settings,
    imports: [TerminusModule.forRoot({ logger: false }), BackgroundTasksHealthModule, ...(settings.imports ?? [])],
    controllers: [Root],
  });
  return {
    app,
    /** Adds that many tasks, of which the first runs until the gate opens. */
    add: async (tasks: number) => {
      count = tasks;
      await fetch(url, { method: 'POST' });
      await begun.promise;
      return gate;
    },
    health: async (): Promise<Answer> => {
      const response = await fetch(`${url}/health`);
      const { details } = (await response.json()) as { details: { tasks: Answer['tasks'] } };
      return { status: response.status, tasks: details.tasks };
    },
  };
}
