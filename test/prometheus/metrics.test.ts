import { Body, Controller, Get, Post } from '@nestjs/common';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import {
  type BackgroundTasks,
  BackgroundTasksHost,
  defineTask,
  provideResource,
  Resource,
  TaskHandler,
  Tasks,
  TaskScopes,
} from '../../src/index.js';
import { BackgroundTasksMetricsModule, METRICS_REGISTRY } from '../../src/prometheus/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { scrape, series } from '../support/metrics.js';
import { platforms, startApp } from '../support/platforms.js';
import { recordedResource } from '../support/recorded-resource.js';
import { startContext } from '../support/start-context.js';
import { Timeline } from '../support/timeline.js';

const SendMail = defineTask<{ to: string }>({ name: 'send-mail' });

@TaskHandler(SendMail)
class MailSender {
  run() {}
}

const WriteRow = defineTask<{ row: number }>({ name: 'write-row', batch: { maxSize: 2, maxWaitMs: 1 } });

@TaskHandler(WriteRow)
class RowWriter {
  runBatch() {}
}

describe.each(platforms)('metrics on $name', (platform) => {
  it('are served as Prometheus reads them, with what has happened', async () => {
    const gate = deferred();
    const held = deferred();
    @Controller()
    class Orders {
      @Post()
      create(@Body() _body: unknown, @Tasks() tasks: BackgroundTasks, @Resource('db') _db: unknown) {
        tasks.addTask(function charge() {});
        tasks.with({ retry: { attempts: 2, delayMs: 0 } }).addTask(async function fail() {
          throw new Error('broken');
        });
        tasks.addTask(async function hold() {
          held.resolve();
          await gate.promise;
        });
        tasks.with({ runOn: 'failure' }).addTask(function apologise() {});
        tasks.enqueue(SendMail, { to: 'someone' });
      }
    }
    const { app, url } = await startApp(platform, {
      imports: [BackgroundTasksMetricsModule.forRoot()],
      controllers: [Orders],
      providers: [MailSender, recordedResource(new Timeline(), { provide: 'db' })],
    });
    await fetch(url, { method: 'POST' });
    await held.promise;

    const during = await scrape(`${url}/metrics`);
    expect(during.get('background_tasks_running')).toBe(1);
    expect(during.get('background_tasks_waiting')).toBe(1);
    expect(during.get('background_tasks_open_scopes{kind="http"}')).toBe(1);
    expect(during.get('background_tasks_open_resources{resource="db"}')).toBe(1);
    expect(during.get('background_tasks_oldest_waiting_seconds')).toBeGreaterThanOrEqual(0);
    gate.resolve();
    await app.get(BackgroundTasksHost).onIdle();

    const after = await scrape(`${url}/metrics`);
    expect(after.get('background_tasks_accepted_total{task="send-mail"}')).toBe(1);
    expect(after.get('background_tasks_settled_total{task="charge",state="succeeded"}')).toBe(1);
    expect(after.get('background_tasks_settled_total{task="fail",state="failed"}')).toBe(1);
    expect(after.get('background_tasks_settled_total{task="apologise",state="discarded"}')).toBe(1);
    expect(after.get('background_tasks_retries_total{task="fail"}')).toBe(1);
    expect(after.get('background_tasks_duration_seconds_count{task="charge"}')).toBe(1);
    expect(after.get('background_tasks_wait_seconds_count{task="charge"}')).toBe(1);
    expect(after.get('background_tasks_after_response_seconds_count{kind="http"}')).toBe(1);
    expect(after.get('background_tasks_open_scopes{kind="http"}')).toBe(0);
    expect(after.get('background_tasks_open_resources{resource="db"}')).toBe(0);
    expect(after.get('background_tasks_max_pending')).toBe(10_000);
    expect(after.get('background_tasks_backend_up')).toBe(1);
    expect(after.get('background_tasks_draining')).toBe(0);
    expect(after.has('background_tasks_event_loop_delay_seconds')).toBe(true);
  });

  it('are on a path of their own, or in a registry that has an endpoint already', async () => {
    const registry = new Registry();
    @Controller('mine')
    class Mine {
      @Get()
      read() {
        return registry.metrics();
      }
    }
    const first = await startApp(platform, {
      imports: [BackgroundTasksMetricsModule.forRoot({ path: 'internal/metrics', prefix: 'tasks_' })],
    });
    const second = await startApp(platform, {
      imports: [BackgroundTasksMetricsModule.forRootAsync({ path: false, useFactory: () => ({ registry }) })],
      controllers: [Mine],
    });

    expect((await scrape(`${first.url}/internal/metrics`)).has('tasks_running')).toBe(true);
    expect((await fetch(`${second.url}/metrics`)).status).toBe(404);
    expect(series(await (await fetch(`${second.url}/mine`)).text()).has('background_tasks_running')).toBe(true);
    await second.app.close();
    expect(await registry.metrics()).toBe('\n');
  });
});

describe('the series', () => {
  it('are bounded after 100,000 tasks with 1,000 function names, and hold no argument', async () => {
    const { app } = await startContext({ imports: [BackgroundTasksMetricsModule.forRoot({ path: false })] });
    const functions = Array.from({ length: 1_000 }, (_, index) => ({ [`task${index}`](_secret: string) {} }));
    for (let batch = 0; batch < 100; batch++) {
      await app.get(TaskScopes).run(({ tasks }) => {
        for (const [index, each] of functions.entries()) tasks.addTask(each[`task${index}`]!, 'canary-argument');
      });
    }
    const text = await app.get<Registry>(METRICS_REGISTRY).metrics();

    const accepted = [...series(text)].filter(([name]) => name.startsWith('background_tasks_accepted_total'));
    expect(accepted).toHaveLength(101);
    expect(accepted.reduce((sum, [, value]) => sum + value, 0)).toBe(100_000);
    expect(series(text).size).toBeLessThan(101 * 40);
    expect(text).not.toContain('canary');
  }, 120_000);

  it('count batches by their size, and by the reason for which they began', async () => {
    const { app, run } = await startContext({
      imports: [BackgroundTasksMetricsModule.forRoot({ path: false })],
      providers: [RowWriter],
    });
    await run((tasks) => [1, 2, 3].map((row) => tasks.enqueue(WriteRow, { row })));
    await settled(app);
    const found = series(await app.get<Registry>(METRICS_REGISTRY).metrics());

    const labels = (trigger: string) => `{task="write-row",trigger="${trigger}"}`;
    expect(found.get(`background_tasks_batch_size_sum${labels('size')}`)).toBe(2);
    expect(found.get(`background_tasks_batch_size_sum${labels('time')}`)).toBe(1);
    expect(found.get(`background_tasks_batch_size_count${labels('size')}`)).toBe(1);
  });

  it('count a resource as held only if its factory has not thrown, whatever it threw', async () => {
    const broken = provideResource({
      provide: 'broken',
      useFactory: (): object => {
        throw undefined;
      },
      dispose: () => undefined,
    });
    const unreleasable = provideResource({
      provide: 'unreleasable',
      useFactory: () => ({}),
      dispose: () => {
        throw undefined;
      },
    });
    const { app, scopes } = await startContext({
      imports: [BackgroundTasksMetricsModule.forRoot({ path: false })],
      providers: [broken, unreleasable],
    });

    await Promise.allSettled(['broken', 'unreleasable'].map((name) => scopes.run((scope) => scope.resolve(name))));
    const found = series(await app.get<Registry>(METRICS_REGISTRY).metrics());

    expect(found.get('background_tasks_open_resources{resource="broken"}')).toBeUndefined();
    expect(found.get('background_tasks_open_resources{resource="unreleasable"}')).toBe(0);
    expect(found.get('background_tasks_failed_releases_total{resource="unreleasable"}')).toBe(1);
  });

  it('tell of a backend that is lost and comes back', async () => {
    const backend = new MemoryBackend();
    const { app } = await startContext({
      imports: [memoryBackendModule(backend), BackgroundTasksMetricsModule.forRoot({ path: false })],
    });
    const up = async () => {
      const text = await app.get<Registry>(METRICS_REGISTRY).metrics();
      return series(text).get('background_tasks_backend_up');
    };

    backend.listener!.lost('it is down');
    expect(await up()).toBe(0);
    backend.listener!.back();
    expect(await up()).toBe(1);
  });

  it('are refused with INVALID_OPTION in a registry that has those of another application', async () => {
    const metrics = { path: false, registry: new Registry() } as const;
    const start = () => startContext({ imports: [BackgroundTasksMetricsModule.forRoot(metrics)] });
    await start();

    await expect(start()).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(/prefix.*background_tasks_accepted_total/) as string,
    });
  });

  it.each([
    ['prefix', { prefix: '' }],
    ['prefix', { prefix: 'my-app ' }],
    ['registry', { registry: {} as Registry }],
    ['maxFunctionNames', { maxFunctionNames: -1 }],
  ])('are refused with INVALID_OPTION for a bad %s', async (option, options) => {
    const starting = startContext({ imports: [BackgroundTasksMetricsModule.forRoot({ path: false, ...options })] });

    await expect(starting).rejects.toThrow(option);
    await expect(starting).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});
