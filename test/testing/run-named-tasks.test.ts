import { Controller, Inject, Injectable, Post, type Provider } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  BackgroundTasks,
  BackgroundTasksModule,
  type BackgroundTasksModuleOptions,
  currentTask,
  defineTask,
  type Handles,
  type HandlesBatch,
  provideResource,
  type TaskContext,
  TaskHandler,
  Tasks,
} from '../../src/index.js';
import { RecordingBackgroundTasks, settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { platforms, startApp } from '../support/platforms.js';
import { RecordedLogs } from '../support/recorded-logs.js';
import { useTimeline } from '../support/timeline.js';

const timeline = useTimeline();

const Work = defineTask<{ act: string }>({ name: 'work' });
const Stubborn = defineTask<{ act: string }>({ name: 'stubborn', retry: { attempts: 3, delayMs: 1, jitter: 0 } });
const Row = defineTask<number>({ name: 'row', batch: { maxSize: 2, maxWaitMs: 60_000 } });
const Whole = defineTask<string>({ name: 'whole' });

@Injectable()
class Session {
  constructor(readonly number: number) {}
}

@TaskHandler(Work)
class WorkHandler implements Handles<typeof Work> {
  constructor(
    private readonly session: Session,
    private readonly tasks: BackgroundTasks,
    @Inject(REQUEST) private readonly task: TaskContext,
  ) {}

  run({ act }: { act: string }): { act: string } {
    timeline.note(`${act} in session ${this.session.number} of ${this.task.name}, attempt ${this.task.attempt}`);
    this.tasks.enqueue(Whole, `after ${act}`);
    this.tasks.with({ name: 'added' }).addTask(() => timeline.note(`added by ${act}`));
    if (act === 'fails') throw new RangeError('too large');
    return { act };
  }
}

@TaskHandler(Stubborn)
class StubbornHandler implements Handles<typeof Stubborn> {
  run({ act }: { act: string }): void {
    timeline.note(`${act}, attempt ${currentTask().attempt}`);
    if (currentTask().attempt < 3) throw new Error('not yet');
  }
}

@TaskHandler(Row)
class RowHandler implements HandlesBatch<typeof Row> {
  runBatch(rows: readonly number[]): void {
    timeline.note(`rows ${rows.join(' ')}`);
  }
}

@TaskHandler(Whole)
class WholeHandler implements Handles<typeof Whole> {
  run(what: string): void {
    const ends = currentTask().group?.map(({ state }) => state) ?? [];
    timeline.note([what, ...ends].join(' '));
  }
}

let opened = 0;
const sessionResource = provideResource({
  provide: Session,
  async *useFactory() {
    const session = new Session(++opened);
    try {
      yield session;
      timeline.note('commit');
    } catch (error) {
      timeline.note('rollback');
      throw error;
    }
  },
});

const handlers: Provider[] = [sessionResource, WorkHandler, StubbornHandler, RowHandler, WholeHandler];

async function start(options?: BackgroundTasksModuleOptions, providers = handlers) {
  opened = 0;
  const recorded = new RecordingBackgroundTasks();
  const imports = [BackgroundTasksModule.forRoot(options)];
  const testing = Test.createTestingModule({ imports, providers });
  const app = await testing.overrideProvider(BackgroundTasks).useValue(recorded).compile();
  const logs = new RecordedLogs();
  app.useLogger(logs);
  await app.init();
  onTestFinished(() => app.close());
  return { app, recorded, logs };
}

describe.each(platforms)('B25 recorded.runAll({ app }) on $name', (platform) => {
  @Controller('orders')
  class OrdersController {
    @Post()
    create(@Tasks() tasks: BackgroundTasks): string {
      tasks.enqueue(Work, { act: 'invoice' });
      tasks.addTask(() => timeline.note('mail'));
      return 'created';
    }
  }

  it('runs what a request has enqueued, by its handler and with its resources', async () => {
    opened = 0;
    const recorded = new RecordingBackgroundTasks();
    const { app, url } = await startApp(platform, {
      controllers: [OrdersController],
      providers: handlers,
      override: (builder) => builder.overrideProvider(BackgroundTasks).useValue(recorded),
    });

    await fetchText(`${url}/orders`, { method: 'POST' });
    recorded.assertEnqueued(Work, { act: 'invoice' });
    const reports = await recorded.runAll({ app });

    expect(timeline.events).toEqual([
      'mail',
      'invoice in session 1 of work, attempt 1',
      'commit',
      'added by invoice',
      'after invoice',
    ]);
    expect(reports.map(({ name, state }) => [name, state])).toEqual([
      ['anonymous', 'succeeded'],
      ['added', 'succeeded'],
      ['work', 'succeeded'],
      ['whole', 'succeeded'],
    ]);
  });
});

describe('recorded.runAll({ app })', () => {
  it('runs each task once, and lists it as enqueued until then', async () => {
    const { app, recorded } = await start();
    recorded.enqueue(Whole, 'first');

    await recorded.runAll();
    const listed = recorded.enqueued.length;
    await recorded.runAll({ app });
    const again = await recorded.runAll({ app });

    expect(listed).toBe(1);
    expect(timeline.events).toEqual(['first']);
    expect(again).toEqual([]);
    recorded.assertNothingAdded();
  });

  it('runs tasks in order, each with resources of its own', async () => {
    const { app, recorded } = await start();
    recorded.enqueue(Work, { act: 'a' });
    recorded.enqueue(Work, { act: 'b' });

    await recorded.runAll({ app });

    expect(timeline.events.filter((event) => event.includes('session'))).toEqual([
      'a in session 1 of work, attempt 1',
      'b in session 2 of work, attempt 1',
    ]);
  });

  it('rejects with what a handler threw, rolls its resources back and drops what it has added', async () => {
    const { app, recorded } = await start();
    recorded.enqueue(Work, { act: 'fails' });

    const running = recorded.runAll({ app });

    await expect(running).rejects.toMatchObject({ code: 'TASKS_FAILED', errors: [new RangeError('too large')] });
    expect(timeline.events).toEqual(['fails in session 1 of work, attempt 1', 'rollback']);
    await expect(settled(app)).resolves.toBeUndefined();
  });

  it('only reports a failure with throwOnFailure: false', async () => {
    const { app, recorded } = await start();
    recorded.enqueue(Work, { act: 'fails' });

    const reports = await recorded.runAll({ app, throwOnFailure: false });

    expect(reports.find(({ name }) => name === 'work')).toMatchObject({
      state: 'failed',
      error: { message: 'too large' },
    });
  });

  it('tries again as the definition says, and reports the last attempt', async () => {
    const { app, recorded, logs } = await start();
    recorded.enqueue(Stubborn, { act: 'pulls' });

    const reports = await recorded.runAll({ app });

    expect(timeline.events).toEqual(['pulls, attempt 1', 'pulls, attempt 2', 'pulls, attempt 3']);
    expect(reports).toMatchObject([{ name: 'stubborn', state: 'succeeded', attempts: 3 }]);
    expect(logs.errors).toEqual([]);
  });

  it('tries again as the module says where the definition says nothing', async () => {
    const { app, recorded } = await start({ retry: { attempts: 2, delayMs: 0 } });
    recorded.enqueue(Work, { act: 'fails' });

    const reports = await recorded.runAll({ app, throwOnFailure: false });

    expect(reports.at(-1)).toMatchObject({ state: 'failed', attempts: 2 });
  });

  it('runs the tasks of a batch together, and waits for no more of them', async () => {
    const { app, recorded } = await start();
    for (const row of [1, 2, 3]) recorded.enqueue(Row, row);

    const reports = await recorded.runAll({ app });

    expect(timeline.events).toEqual(['rows 1 2', 'rows 3']);
    expect(reports.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  });

  it('runs the last task of a group after the others, and tells it how they ended', async () => {
    const { app, recorded } = await start();
    const members = ['a', 'fails', 'b'].map((act) => ({ definition: Work, payload: { act } }));
    const group = recorded.enqueueGroup([...members, { definition: Row, payload: 1 }], { then: Whole, payload: 'all' });
    group.tasks[2]!.cancel();

    await recorded.runAll({ app, throwOnFailure: false });

    expect(timeline.events).toContain('all succeeded failed cancelled succeeded');
    expect(timeline.events.indexOf('rows 1')).toBeLessThan(
      timeline.events.indexOf('all succeeded failed cancelled succeeded'),
    );
  });

  it('keeps the time limit that with() gave a task', async () => {
    const hanging = { provide: WorkHandler, useValue: { run: () => new Promise(() => undefined) } };
    const { app, recorded } = await start({ shutdownTimeoutMs: 10 }, [hanging]);
    recorded.with({ timeoutMs: 5 }).enqueue(Work, { act: 'hangs' });

    const reports = await recorded.runAll({ app, throwOnFailure: false });

    expect(reports).toMatchObject([{ name: 'work', state: 'timed-out' }]);
  });

  it('drops named tasks that the outcome is not for', async () => {
    const { app, recorded } = await start();
    recorded.enqueue(Whole, 'on success');
    recorded.with({ runOn: 'failure' }).enqueue(Whole, 'on failure');

    await recorded.runAll({ app, outcome: { succeeded: false, aborted: false } });

    expect(timeline.events).toEqual(['on failure']);
  });

  it('rejects before anything runs if the application has no handler', async () => {
    const { app, recorded } = await start({}, [sessionResource]);
    recorded.addTask(() => timeline.note('added'));
    recorded.enqueue(Work, { act: 'a' });

    await expect(recorded.runAll({ app })).rejects.toMatchObject({ code: 'UNKNOWN_TASK' });
    expect(timeline.events).toEqual([]);
  });

  it('rejects for an application without the module', async () => {
    const app = await Test.createTestingModule({}).compile();

    const running = new RecordingBackgroundTasks().runAll({ app });

    await expect(running).rejects.toMatchObject({
      code: 'NOT_REGISTERED',
      message: expect.stringContaining('runAll({ app }) needs BackgroundTasksModule') as unknown,
    });
  });
});
