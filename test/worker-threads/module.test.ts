import { Injectable, type INestApplicationContext, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TaskScopes } from '../../src/index.js';
import {
  WorkerThreadsModule,
  type WorkerThreadsModuleOptions,
  type WorkerThreadsOptionsFactory,
} from '../../src/worker-threads/index.js';
import { badDurations, badGroups, type BadOption, invalidOption } from '../support/bad-options.js';
import { startContext } from '../support/start-context.js';
import { inThread, nextThread, startThreads, ThreadWatch } from '../support/threads.js';

const ALL =
  'There is no such option; there are maxRunning, maxPending, idleTimeoutMs, maxArgumentBytes, resourceLimits.';

const bad: readonly BadOption[] = [
  ...badWholeNumbers('maxRunning', 1),
  ...badWholeNumbers('maxPending', 0),
  ...badWholeNumbers('maxArgumentBytes', 1),
  ...badDurations('idleTimeoutMs'),
  ...badGroups('resourceLimits'),
  {
    options: { resourceLimits: { stackSizeMb: 0 } },
    option: 'resourceLimits.stackSizeMb',
    received: '0',
    fix: 'Give a number of 1 or more.',
  },
  {
    options: { resourceLimits: { memory: 5 } },
    option: 'resourceLimits.memory',
    received: 'a number',
    fix: 'There is no such option; there are maxOldGenerationSizeMb, maxYoungGenerationSizeMb, codeRangeSizeMb, stackSizeMb.',
  },
  { options: { maxrunning: 5 }, option: 'maxrunning', received: 'a number', fix: ALL },
  { options: null, option: 'options', received: 'null', fix: 'Give an object.' },
  { options: [], option: 'options', received: 'an array', fix: 'Give an object.' },
];

describe('B37 the options of WorkerThreadsModule', () => {
  it.each<{ way: string; register: (options: WorkerThreadsModuleOptions) => unknown }>([
    { way: 'forRoot', register: (options) => WorkerThreadsModule.forRoot(options) },
    {
      way: 'forRootAsync',
      register: (options) => WorkerThreadsModule.forRootAsync({ useFactory: async () => options }),
    },
    {
      way: 'forRootAsync with useClass',
      register: (options) => WorkerThreadsModule.forRootAsync({ useClass: settingsWith(options) }),
    },
  ])('are INVALID_OPTION at start-up where they are bad, given to $way', async ({ register }) => {
    for (const option of bad) {
      await expect(start(() => register(option.options as WorkerThreadsModuleOptions))).rejects.toEqual(
        invalidOption(option),
      );
    }
  });

  it.each([
    { way: 'forRoot', register: () => WorkerThreadsModule.forRoot({ isGlobal: 'yes' as never }) },
    {
      way: 'forRootAsync',
      register: () => WorkerThreadsModule.forRootAsync({ isGlobal: 'yes' as never, useFactory: () => ({}) }),
    },
  ])('are INVALID_OPTION for a bad isGlobal, given to $way', async ({ register }) => {
    await expect(start(register)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('"isGlobal"') as string,
    });
  });

  it.each([
    { extras: {}, global: true },
    { extras: { isGlobal: true }, global: true },
    { extras: { isGlobal: false }, global: false },
  ])('make the module global unless isGlobal is false: $extras', ({ extras, global }) => {
    expect(WorkerThreadsModule.forRoot(extras)).toMatchObject({ global });
    expect(WorkerThreadsModule.forRootAsync({ ...extras, useFactory: () => ({}) })).toMatchObject({ global });
  });

  it('may be left out', async () => {
    const app = await start(() => WorkerThreadsModule.forRoot());

    expect(app).toBeDefined();
  });
});

describe('B38 the applications of one process', () => {
  it('share the threads, which end when the last of them has closed', async () => {
    const watch = new ThreadWatch();
    const options = { maxRunning: 1, resourceLimits: { maxOldGenerationSizeMb: 64 } };
    const first = await start(() => WorkerThreadsModule.forRoot(options));
    const second = await start(() => WorkerThreadsModule.forRoot(structuredClone(options)));
    const threadId = await inThread('whereAmI')();

    await first.close();
    const threadAfterFirst = await inThread('whereAmI')();
    await second.close();

    expect(threadAfterFirst).toBe(threadId);
    expect(watch.alive).toBe(0);
  });

  it('must want the same options while both are open', async () => {
    const first = await start(() => WorkerThreadsModule.forRoot({ maxRunning: 1, maxPending: 5 }));

    await expect(start(() => WorkerThreadsModule.forRoot({ maxRunning: 1, maxPending: 6 }))).rejects.toMatchObject({
      code: 'THREAD_OPTIONS_DIFFER',
      message: expect.stringContaining('another maxPending than') as string,
    });

    await first.close();
    await expect(start(() => WorkerThreadsModule.forRoot({ maxRunning: 1, maxPending: 6 }))).resolves.toBeDefined();
  });

  it('take over from calls that were made before any of them had started', async () => {
    const before = inThread('busy')(100);
    await startThreads({ maxRunning: 1, maxPending: 0 });
    const busy = inThread('busy')(50);

    await expect(inThread('add')(1, 2)).rejects.toMatchObject({ code: 'THREAD_QUEUE_FULL' });
    expect(await Promise.all([before, busy])).toEqual([100, 50]);
  });
});

describe('B38 closing the application', () => {
  it('runs the tasks first, and the hooks of other modules', async () => {
    const { app } = await startContext({
      imports: [WorkerThreadsModule.forRoot({ maxRunning: 1 })],
      providers: [AddsAtTheEnd],
    });
    const { add } = app.get(AddsAtTheEnd);
    const results: unknown[] = [];
    void app.get(TaskScopes).run(({ tasks }) => {
      for (let n = 0; n < 3; n++) tasks.addTask(async () => results.push(await inThread('square')(n)));
    });

    await app.close();

    expect(results).toEqual([0, 1, 4]);
    expect(add).toEqual([3]);
  });

  it('stops the calls that nobody waited for, and names them in one line', async () => {
    const { app, logs } = await startThreads({ maxRunning: 1 });
    const watch = new ThreadWatch();
    const begun = nextThread();
    const calls = [inThread('forever')(), inThread('add')(1, 2)];
    const ends = Promise.allSettled(calls);
    await begun;

    await app.close();

    for (const end of await ends) {
      expect(end).toMatchObject({
        status: 'rejected',
        reason: { code: 'THREAD_CANCELLED', cause: { name: 'AbortError' } },
      });
    }
    expect(logs.warnings).toEqual([
      expect.stringContaining('Shutdown stopped 2 thread function(s): "forever", "add".'),
    ]);
    await watch.gone(await begun);
    expect(watch.alive).toBe(0);
  });

  it('leaves thread functions usable, with the defaults', async () => {
    const { app } = await startThreads({ maxRunning: 1 });
    await app.close();

    expect(await inThread('add')(1, 2)).toBe(3);
  });
});

describe('B37 a thread without work', () => {
  it('ends after idleTimeoutMs', async () => {
    await startThreads({ maxRunning: 1, idleTimeoutMs: 10 });
    const watch = new ThreadWatch();

    await watch.gone((await inThread('whereAmI')()) as number);

    expect(watch.alive).toBe(0);
    expect(await inThread('add')(1, 2)).toBe(3);
  });
});

@Injectable()
class AddsAtTheEnd implements OnModuleDestroy {
  readonly add: unknown[] = [];

  async onModuleDestroy(): Promise<void> {
    this.add.push(await inThread('add')(1, 2));
  }
}

/** Starts an application of that module alone; it is closed when the test ends. */
async function start(register: () => unknown): Promise<INestApplicationContext> {
  class Root {}
  const app = await NestFactory.createApplicationContext(
    { module: Root, imports: [register() as typeof WorkerThreadsModule] },
    { logger: false, abortOnError: false },
  );
  onTestFinished(() => app.close());
  return app;
}

function settingsWith(options: WorkerThreadsModuleOptions) {
  @Injectable()
  class Settings implements WorkerThreadsOptionsFactory {
    createWorkerThreadsOptions(): WorkerThreadsModuleOptions {
      return options;
    }
  }
  return Settings;
}

function badWholeNumbers(option: string, least: number): BadOption[] {
  return [
    { value: '5', received: '"5"' },
    { value: null, received: 'null' },
    { value: least - 1, received: String(least - 1) },
    { value: 1.5, received: '1.5' },
    { value: NaN, received: 'NaN' },
    { value: Infinity, received: 'Infinity' },
  ].map(({ value, received }) => ({
    options: { [option]: value },
    option,
    received,
    fix: `Give a whole number of ${least} or more.`,
  }));
}
