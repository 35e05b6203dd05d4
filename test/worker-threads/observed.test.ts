import { describe, expect, it } from 'vitest';
import {
  BackgroundTasksHost,
  defineTask,
  type Handles,
  type HandlesBatch,
  TaskHandler,
  type TaskObserver,
  TaskScopes,
} from '../../src/index.js';
import { WorkerThreadsModule } from '../../src/worker-threads/index.js';
import { startContext } from '../support/start-context.js';
import { inThread } from '../support/threads.js';

const Count = defineTask({ name: 'count' });

@TaskHandler(Count)
class CountHandler implements Handles<typeof Count> {
  async run(): Promise<void> {
    await inThread('add')(1, 2);
  }
}

const CountAll = defineTask<number>({ name: 'count-all', batch: { maxSize: 2, maxWaitMs: 1_000 } });

@TaskHandler(CountAll)
class CountAllHandler implements HandlesBatch<typeof CountAll> {
  async runBatch(): Promise<void> {
    await inThread('add')(1, 2);
  }
}

describe('the events of a task', () => {
  it('tell that a thread worked for it, from the event after that on', async () => {
    const told: string[] = [];
    const tell = (event: string, { name, usesThread }: { name: string; usesThread?: boolean }) =>
      told.push(`${event} ${name} ${usesThread}`);
    const observer: TaskObserver = {
      taskStarted: ({ task }) => tell('started', task),
      taskSettled: ({ task }) => tell('settled', task),
    };
    const { app } = await startContext({
      imports: [WorkerThreadsModule.forRoot({ maxRunning: 1 })],
      options: { observers: [observer] },
      providers: [CountHandler],
    });

    await app.get(TaskScopes).run(({ tasks }) => {
      tasks.with({ name: 'itself' }).addTask(inThread('add'), 1, 2);
      tasks.with({ name: 'calls one' }).addTask(async () => void (await inThread('add')(1, 2)));
      tasks.with({ name: 'none' }).addTask(() => undefined);
      tasks.enqueue(Count, {});
    });
    await app.get(BackgroundTasksHost).onIdle();

    expect(told).toEqual([
      'started itself undefined',
      'settled itself true',
      'started calls one undefined',
      'settled calls one true',
      'started none undefined',
      'settled none undefined',
      'started count undefined',
      'settled count true',
    ]);
  });

  it('tell of each task of a batch that a thread worked for it', async () => {
    const told: unknown[] = [];
    const observer: TaskObserver = { taskSettled: ({ task, report }) => told.push([report.state, task.usesThread]) };
    const { app } = await startContext({
      imports: [WorkerThreadsModule.forRoot({ maxRunning: 1 })],
      options: { observers: [observer] },
      providers: [CountAllHandler],
    });

    await app.get(TaskScopes).run(({ tasks }) => {
      for (const number of [1, 2]) tasks.enqueue(CountAll, number);
    });
    await app.get(BackgroundTasksHost).onIdle();

    expect(told).toEqual([
      ['succeeded', true],
      ['succeeded', true],
    ]);
  });

  it('are none of a call outside of tasks', async () => {
    await startContext({ imports: [WorkerThreadsModule.forRoot()] });

    expect(await inThread('add')(1, 2)).toBe(3);
  });
});
