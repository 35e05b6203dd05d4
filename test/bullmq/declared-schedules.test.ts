import { Injectable, Module, type OnApplicationBootstrap, type Type } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  BullMqBackend,
  BullMqBackgroundTasksModule,
  type BullMqOptions,
  BullMqSchedules,
  BullMqTasks,
  Scheduled,
  type ScheduledOptions,
} from '../../src/bullmq/index.js';
import { BackgroundTasksError, defineTask, TaskHandler } from '../../src/index.js';
import { failureOf } from '../support/advice.js';
import { RecordedRunner, startDurable } from '../support/durable.js';
import { hostileObjects } from '../support/hostile-values.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import type { TestServer } from '../support/test-server.js';
import { Timeline } from '../support/timeline.js';
import { until } from '../support/until.js';

interface SweepPayload {
  readonly table?: string;
}
const Sweep = defineTask<SweepPayload>({ name: 'sweep' });
const away = { connection: 'redis://127.0.0.1:1' };

describe.each(servers)('B50 · schedules that handlers declare, on $kind', { timeout: 30_000 }, ({ prepare }) => {
  const server = useServer(prepare);

  it('run their tasks in any worker', async () => {
    const [payloads, timeline] = [[] as SweepPayload[], new Timeline()];
    @TaskHandler(Sweep)
    @Scheduled({ every: 100, payload: { table: 'orders' } })
    @Scheduled({ every: 150, id: 'sweep-all' })
    class SweepHandler {
      run(payload: SweepPayload) {
        payloads.push(payload);
        timeline.note(payload.table ?? 'all');
      }
    }
    await start(server(), SweepHandler, { worker: {} });

    await timeline.until('orders', 2);
    await timeline.until('all', 2);

    expect(new Set(payloads.map((payload) => JSON.stringify(payload)))).toEqual(new Set(['{"table":"orders"}', '{}']));
  });

  it('are one for all processes, also when they start at the same moment, and again', async () => {
    const queueName = `test-${randomUUID()}`;
    const handler = handlerWith({ pattern: '0 3 * * *', tz: 'Europe/Berlin' }, { id: 'hourly', every: 3_600_000 });

    const apps = await Promise.all(Array.from({ length: 4 }, () => start(server(), handler, { queueName })));
    await start(server(), handler, { queueName });

    const [{ schedules, queue }] = apps as [Started];
    expect((await schedules.list()).map(({ id }) => id).toSorted()).toEqual(['hourly', 'sweep']);
    expect(await queue.getJobCountByTypes('wait', 'delayed')).toBe(2);
  });

  it('follow their decorator with the next start, and stay when it is gone, until they are removed', async () => {
    const queueName = `test-${randomUUID()}`;
    await start(server(), handlerWith({ pattern: '0 3 * * *' }), { queueName });
    const { schedules } = await start(server(), handlerWith({ pattern: '0 4 * * *' }), { queueName });
    const changed = await schedules.list();

    await start(server(), handlerWith(), { queueName });
    const gone = await schedules.list();

    expect(changed).toMatchObject([{ id: 'sweep', pattern: '0 4 * * *' }]);
    expect(gone).toEqual(changed);
    expect([await schedules.remove('sweep'), await schedules.list()]).toEqual([true, []]);
  });

  it('have one more task put aside each time while no worker has their handler', async () => {
    const queueName = `test-${randomUUID()}`;
    const { tasks } = await start(server(), handlerWith({ every: 100 }), { queueName });
    await startDurable({ server: server(), queueName, runner: new RecordedRunner(), worker: {} });

    await until('three wait', async () => (await tasks.list({ state: 'delayed', name: 'sweep' })).length > 3);

    const [failed, succeeded] = [await tasks.list({ state: 'failed' }), await tasks.list({ state: 'succeeded' })];
    expect([failed, succeeded]).toEqual([[], []]);
  });

  it('are set once the server is back that was away at boot', async () => {
    await server().stop();
    const { schedules, backend, logs } = await start(server(), handlerWith({ every: 60_000 }));
    const before = backend.unavailableBecause;

    await server().start();
    const ids = async () => (await schedules.list().catch(() => [])).map(({ id }) => id).join();
    await until('the schedule is set', async () => (await ids()) === 'sweep');

    expect(before).toBeDefined();
    expect(logs.warnings).toEqual([]);
  });

  it('are set when their module is loaded lazily, and refused in a log line', async () => {
    const Purge = defineTask<{ table: string }>({ name: 'purge' });
    @TaskHandler(Purge)
    @Scheduled({ every: 60_000 })
    class PurgeHandler {
      run() {}
    }
    @Module({ providers: [PurgeHandler] })
    class PurgeModule {}
    @TaskHandler(defineTask({ name: 'wrong' }))
    @Scheduled({ pattern: 'nonsense' })
    class WrongHandler {
      run() {}
    }
    @Module({ providers: [WrongHandler] })
    class WrongModule {}
    @Injectable()
    class Loader implements OnApplicationBootstrap {
      constructor(readonly modules: LazyModuleLoader) {}
      onApplicationBootstrap() {}
    }
    Reflect.defineMetadata('design:paramtypes', [LazyModuleLoader], Loader);
    const { app, schedules, logs } = await start(server(), Loader);

    await app.get(Loader).modules.load(() => PurgeModule);
    await until('it is set', async () => (await schedules.list()).length === 1);
    await app.get(Loader).modules.load(() => WrongModule);
    await logs.until('errors', 'The schedules of a module are not set: Invalid option "@Scheduled()"');

    expect(await schedules.list()).toMatchObject([{ id: 'purge', name: 'purge', every: 60_000 }]);
  });
});

describe('B50 · a schedule that makes no sense', () => {
  it.each([
    [{}, '"@Scheduled()"'],
    [{ pattern: '0 3 * * *', every: 5 }, '"@Scheduled()"'],
    [{ every: 0 }, '"@Scheduled().every"'],
    [{ pattern: 'nonsense' }, 'as in a crontab'],
    [{ pattern: '0 3 * * *', tz: 'Atlantis' }, 'a known "tz"'],
    [{ every: 60_000, id: '' }, '"@Scheduled().id"'],
    [{ every: 60_000, evry: 1 }, '"@Scheduled().evry"'],
    [{ every: 60_000, payload: new Date() }, 'The payload of task "sweep"'],
  ])('stops the start, whether the server is there or not: %o', async (options, says) => {
    const starting = startApp(away, handlerWith(options as ScheduledOptions));

    await expect(starting).rejects.toThrow(BackgroundTasksError);
    await expect(starting).rejects.toThrow(says);
  });

  it('stops the start if another one has its id', async () => {
    const starting = startApp(away, handlerWith({ every: 60_000 }, { every: 5 }));

    await expect(starting).rejects.toThrow('a second schedule of this id: give each an id of its own');
  });

  it('stops the start if its class handles no task', async () => {
    @Scheduled({ every: 60_000 })
    class Nobody {}

    await expect(startApp(away, Nobody)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('the class Nobody without @TaskHandler()') as string,
    });
  });

  it('stops the start without BullMQ, which has no schedules', async () => {
    const starting = startContext({ providers: [handlerWith({ every: 60_000 })] });

    await expect(starting).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    await expect(starting).rejects.toThrow(
      /^@Scheduled\(\) SweepHandler of Root needs BullMqBackgroundTasksModule, which is not registered\./,
    );
  });

  it('is refused where it is written, if it is no object', () => {
    expect(() => Scheduled(5 as never)).toThrow('"@Scheduled()"');
  });
});

describe('B50 · a schedule that cannot be read', () => {
  it.each(hostileObjects)('stops the start by code, and nothing of it is shown: $what', async ({ make }) => {
    const refusals = [
      await failureOf(() => startApp(away, handlerWith(make() as ScheduledOptions))),
      // Some can be read where a payload is.
      await failureOf(() => startApp(away, handlerWith({ every: 60_000, payload: make() }))),
    ].filter((failure) => failure !== undefined);

    expect(refusals.length).toBeGreaterThan(0);
    expect(refusals.filter((error) => !(error instanceof BackgroundTasksError))).toEqual([]);
    expect(refusals.map((error) => (error as Error).message).join()).not.toContain('canary');
  });
});

type Started = Awaited<ReturnType<typeof startApp>>;

function start(server: TestServer, handler: Type, options: Partial<BullMqOptions> = {}): Promise<Started> {
  return startApp({ ...server.options, ...options } as BullMqOptions, handler);
}

async function startApp(options: BullMqOptions, handler: Type) {
  const complete = { queueName: `test-${randomUUID()}`, worker: false, ...options } as BullMqOptions;
  const { app, logs } = await startContext({
    imports: [BullMqBackgroundTasksModule.forRoot(complete)],
    providers: [handler],
  });
  const backend = app.get(BullMqBackend);
  return { app, logs, backend, queue: backend.queue, schedules: app.get(BullMqSchedules), tasks: app.get(BullMqTasks) };
}

/** A handler with these schedules. */
function handlerWith(...schedules: ScheduledOptions[]): Type {
  class SweepHandler {
    run() {}
  }
  TaskHandler(Sweep)(SweepHandler);
  for (const options of schedules) Scheduled(options)(SweepHandler);
  return SweepHandler;
}
