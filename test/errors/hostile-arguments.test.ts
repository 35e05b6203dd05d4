import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { BullMqBackgroundTasksModule } from '../../src/bullmq/index.js';
import {
  BackgroundTasksError,
  BackgroundTasksHost,
  BackgroundTasksModule,
  type BackgroundTasksModuleOptions,
  defineTask,
  provideResource,
  TaskHandler,
  type TaskOptions,
} from '../../src/index.js';
import { RecordingBackgroundTasks } from '../../src/testing/index.js';
import { threadTask, WorkerThreadsModule } from '../../src/worker-threads/index.js';
import { hostileObjects, hostileThrows, revoked, trapped, withGetter } from '../support/hostile-values.js';
import { startContext } from '../support/start-context.js';

const Echo = defineTask<unknown>({ name: 'echo' });

@TaskHandler(Echo)
class EchoHandler {
  run(): void {}
}

interface Tools {
  readonly tasks: RecordingBackgroundTasks;
  readonly run: (work: unknown, options?: unknown) => Promise<unknown>;
  readonly drain: (options: unknown) => Promise<void>;
}

/** Every way to hand a value to this package, as code does it that the compiler has not seen. */
const ways: readonly { what: string; give: (value: never, tools: Tools) => unknown }[] = [
  { what: 'addTask(value)', give: (value, { tasks }) => tasks.addTask(value) },
  { what: "addTask(value, 'send')", give: (value, { tasks }) => tasks.addTask(value, 'send') },
  { what: 'addTask(target, value)', give: (value, { tasks }) => tasks.addTask(new Sender(), value) },
  { what: 'addTask(fn, value)', give: (value, { tasks }) => tasks.addTask((_: unknown) => undefined, value) },
  { what: 'addTask(threadTask, value)', give: (value, { tasks }) => tasks.addTask(inThread, value) },
  { what: 'with(value)', give: (value, { tasks }) => tasks.with(value) },
  ...(['name', 'runOn', 'onAbort', 'timeoutMs', 'retry', 'dedupe'] satisfies (keyof TaskOptions)[]).map((option) => ({
    what: `with({ ${option}: value })`,
    give: (value: never, { tasks }: Tools) => tasks.with({ [option]: value }),
  })),
  { what: 'with({ retry: { attempts: value } })', give: (attempts, { tasks }) => tasks.with({ retry: { attempts } }) },
  { what: 'enqueue(value)', give: (value, { tasks }) => tasks.enqueue(value, 1) },
  { what: 'enqueue(definition, value)', give: (value, { tasks }) => tasks.enqueue(Echo, value) },
  { what: 'enqueue(definition, 1, value)', give: (value, { tasks }) => tasks.enqueue(Echo, 1, value) },
  {
    what: 'enqueue(definition, 1, { idempotencyKey: value })',
    give: (idempotencyKey, { tasks }) => tasks.enqueue(Echo, 1, { idempotencyKey }),
  },
  {
    what: 'enqueue(definition, 1, { bullmq: value })',
    give: (bullmq, { tasks }) => tasks.enqueue(Echo, 1, { bullmq }),
  },
  {
    what: 'enqueue(definition, 1, { bullmq: { backoff: value } })',
    give: (backoff, { tasks }) => tasks.enqueue(Echo, 1, { bullmq: { backoff } }),
  },
  { what: 'cancel(value)', give: (value, { tasks }) => tasks.cancel(value) },
  { what: 'defineTask(value)', give: (value) => defineTask(value) },
  { what: 'defineTask({ name: value })', give: (name) => defineTask({ name }) },
  { what: 'defineTask({ schema: value })', give: (schema) => defineTask({ name: 'a', schema }) },
  { what: 'defineTask({ retry: value })', give: (retry) => defineTask({ name: 'a', retry }) },
  { what: 'defineTask({ bullmq: value })', give: (bullmq) => defineTask({ name: 'a', bullmq }) },
  { what: 'defineTask({ other: value })', give: (other) => defineTask({ name: 'a', other } as never) },
  { what: 'TaskHandler(value)', give: (value) => TaskHandler(value) },
  { what: 'provideResource(value)', give: (value) => provideResource(value) },
  ...['provide', 'inject', 'useFactory', 'dispose', 'release'].map((member) => ({
    what: `provideResource({ ${member}: value })`,
    give: (value: never) =>
      provideResource({ provide: 'token', useFactory: () => 1, dispose: () => undefined, [member]: value } as never),
  })),
  { what: 'TaskScopes.run(value)', give: (value, { run }) => typeof value !== 'function' && run(value) },
  { what: 'TaskScopes.run(work, value)', give: (value, { run }) => run(() => undefined, value) },
  { what: 'TaskScopes.run(work, { context: value })', give: (context, { run }) => run(() => undefined, { context }) },
  { what: 'drain(value)', give: (value, { drain }) => drain(value) },
  { what: 'drain({ timeoutMs: value })', give: (timeoutMs, { drain }) => drain({ timeoutMs }) },
  { what: 'threadTask(value)', give: (value) => threadTask(value, 'double' as never) },
  { what: 'threadTask(url, value)', give: (value) => threadTask(new URL(import.meta.url), value) },
  { what: 'forRoot(value)', give: (value) => start(BackgroundTasksModule.forRoot(value)) },
  { what: 'forRootAsync(value)', give: (value) => BackgroundTasksModule.forRootAsync(value) },
  ...moduleOptions().map((option) => ({
    what: `forRoot({ ${option}: value })`,
    give: (value: never) => start(BackgroundTasksModule.forRoot({ [option]: value })),
  })),
  {
    what: 'forRoot({ observers: [value] })',
    give: (value) => start(BackgroundTasksModule.forRoot({ observers: [value] })),
  },
  { what: 'WorkerThreadsModule.forRoot(value)', give: (value) => start(WorkerThreadsModule.forRoot(value)) },
  { what: 'WorkerThreadsModule.forRootAsync(value)', give: (value) => WorkerThreadsModule.forRootAsync(value) },
  {
    what: 'WorkerThreadsModule.forRoot({ resourceLimits: value })',
    give: (resourceLimits) => start(WorkerThreadsModule.forRoot({ resourceLimits })),
  },
  { what: 'BullMq forRoot(value)', give: (value) => start(BullMqBackgroundTasksModule.forRoot(value)) },
  { what: 'BullMq forRootAsync(value)', give: (value) => BullMqBackgroundTasksModule.forRootAsync(value) },
  ...['connection', 'postgres', 'worker', 'backoff', 'removeOnFail'].map((option) => ({
    what: `BullMq forRoot({ ${option}: value })`,
    give: (value: never) =>
      start(BullMqBackgroundTasksModule.forRoot({ prefix: 5 as never, [option]: value } as never)),
  })),
];

const values: readonly { what: string; make: () => unknown }[] = [
  ...hostileObjects,
  ...hostileThrows.map(({ what, thrown }) => ({
    what: `an object with members that throw ${what}`,
    make: () =>
      ['name', 'send', 'retry', 'timeoutMs', 'useFactory'].reduce((all, key) => withGetter(all, key, thrown), {}),
  })),
  { what: 'a proxy of a function with every trap', make: () => trapped(() => undefined, ['get', 'has', 'ownKeys']) },
  { what: 'an array with an element that throws', make: () => withGetter([1], 0) },
  { what: 'a URL behind a proxy', make: () => new Proxy(new URL('file:///a'), {}) },
  { what: 'a promise behind a proxy', make: () => new Proxy(Promise.resolve(), {}) },
  { what: 'a symbol', make: () => Symbol('canary') },
  { what: 'null', make: () => null },
  { what: 'nothing', make: () => undefined },
];

describe('what a value that throws where it is read meets', () => {
  it.each(ways)('is an error with a code, or none at all, in $what', async ({ give }) => {
    const { scopes, app } = await startContext({ providers: [EchoHandler] });
    const tools: Tools = {
      tasks: new RecordingBackgroundTasks(),
      run: (work, options) => scopes.run(work as () => unknown, options as never),
      drain: (options) => app.get(BackgroundTasksHost).drain(options as never),
    };

    for (const { what, make } of values) {
      let thrown: unknown;
      try {
        await give(make() as never, tools);
      } catch (error) {
        thrown = error;
      }
      if (thrown === undefined) continue;
      expect(thrown, what).toBeInstanceOf(BackgroundTasksError);
      expect((thrown as Error).message, what).not.toContain('canary');
    }
  });
});

describe('a getter of an option that throws', () => {
  it.each<[string, (option: object) => unknown, string]>([
    ['of a task', (retry) => new RecordingBackgroundTasks().with({ retry }), 'retry.attempts'],
    ['of enqueue', (bullmq) => new RecordingBackgroundTasks().enqueue(Echo, 1, { bullmq }), 'enqueue.bullmq.attempts'],
    ['of a definition', (retry) => defineTask({ name: 'a', retry }), 'defineTask.retry.attempts'],
    ['of the module', (retry) => start(BackgroundTasksModule.forRoot({ retry })), 'retry.attempts'],
  ])('is named, and its error is the cause: %s', async (_, give, option) => {
    const mistake = new Error('REDIS_URL is not set');

    await expect((async () => give(withGetter({}, 'attempts', mistake)))()).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(new RegExp(`^Invalid option "${option}": `)) as string,
      cause: mistake,
    });
  });

  it('keeps the code of an error of ours', () => {
    const read = () => new RecordingBackgroundTasks().with(trapped({}, ['ownKeys'], new UnlikelyError()));

    expect(read).toThrow(UnlikelyError);
  });
});

describe('settings for a backend', () => {
  it('are copied where they are given, so that what was checked is what is used', () => {
    const tasks = new RecordingBackgroundTasks();
    const backoff = { type: 'fixed', delay: 5 };
    let reads = 0;
    const bullmq = {
      get backoff() {
        reads++;
        return backoff;
      },
    };

    tasks.enqueue(Echo, 1, { bullmq });
    backoff.delay = -1;

    expect(tasks.enqueued[0]!.settings).toEqual({ bullmq: { backoff: { type: 'fixed', delay: 5 } } });
    expect(reads).toBe(1);
  });

  it('are refused when they lead back to themselves', () => {
    const bullmq: { deduplication?: unknown } = {};
    bullmq.deduplication = bullmq;

    expect(() => new RecordingBackgroundTasks().enqueue(Echo, 1, { bullmq } as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });
});

describe('a task whose name cannot be read', () => {
  it.each([
    ['a function', withGetter(() => undefined, 'name'), 'anonymous'],
    ['a revoked proxy', revoked(() => undefined), 'anonymous'],
  ])('is anonymous, and ends: %s', async (_, fn, name) => {
    const { run, host } = await startContext();

    const task = await run((tasks) => tasks.addTask(fn));

    expect(task.name).toBe(name);
    expect(host.stats()).toMatchObject({ accepted: 1, waiting: 0, running: 0 });
  });

  it.each([
    ['throws', withGetter({ send() {} }, 'constructor')],
    [
      'has a name that throws',
      Object.assign(Object.create(null) as { send(): void }, {
        send() {},
        constructor: withGetter(() => undefined, 'name'),
      }),
    ],
    ['is a revoked proxy', { send() {}, constructor: revoked(() => undefined) }],
  ])('is called after its method where the class %s', async (_, target) => {
    const { run, host } = await startContext();

    const task = await run((tasks) => tasks.addTask(target, 'send'));

    expect(task).toMatchObject({ name: 'Object.send', state: 'succeeded' });
    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1 });
  });

  it('is refused where its method throws when it is read, with the error as the cause', () => {
    const mistake = new Error('not connected');
    const add = () => new RecordingBackgroundTasks().addTask(withGetter(new Sender(), 'send', mistake), 'send');

    expect(add).toThrow(expect.objectContaining({ code: 'UNKNOWN_METHOD', cause: mistake }));
  });
});

class Sender {
  send(): void {}
}

class UnlikelyError extends BackgroundTasksError {
  readonly code = 'OUTSIDE_TASK';

  constructor() {
    super('');
  }
}

const inThread = threadTask(new URL('../worker-threads/fixtures/functions.mjs', import.meta.url), 'double') as (
  value: unknown,
) => unknown;

function moduleOptions(): (keyof BackgroundTasksModuleOptions)[] {
  return [
    'onTaskFailure',
    'concurrency',
    'timeoutMs',
    'retry',
    'captureStackTraces',
    'maxPayloadBytes',
    'captureContext',
    'tracing',
    'backend',
    'observers',
  ];
}

/** Starts an application with the module, and stops it. */
async function start(module: DynamicModule): Promise<void> {
  const options = { logger: false, abortOnError: false } as const;
  const app = await NestFactory.createApplicationContext({ module: class {}, imports: [module] }, options);
  await app.close();
}
