import { describe, expect, it } from 'vitest';
import { currentTask, type TaskEvent, type TaskObserver, type TaskReport } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { hostileErrors } from '../support/hostile-errors.js';
import { hostileObjects, raise } from '../support/hostile-values.js';
import { startContext } from '../support/start-context.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

describe('B16 observers', () => {
  it('are told of every step of a task, with its id and name', async () => {
    const observer = new RecordingObserver();
    const { run } = await startContext({ options: { observers: [observer] } });
    const task = await run((tasks) =>
      tasks.with({ name: 'import' }).addTask(() => {
        currentTask().progress(0.5);
        currentTask().progress({ rows: 10 });
      }),
    );
    const { id } = task;
    expect(observer.events).toEqual([
      ['accepted', { id, name: 'import' }],
      ['started', { id, name: 'import' }],
      ['progressed', { id, name: 'import' }, 0.5],
      ['progressed', { id, name: 'import' }, { rows: 10 }],
      ['settled', await task.settled],
    ]);
  });

  it('are told the report of tasks that never ran', async () => {
    const observer = new RecordingObserver();
    const { run } = await startContext({ options: { observers: [observer] } });
    await run((tasks) => {
      tasks.addTask(() => undefined).cancel();
      tasks.with({ runOn: 'failure' }).addTask(() => undefined);
    });
    expect(observer.events.map(([event]) => event)).toEqual(['accepted', 'settled', 'accepted', 'settled']);
    expect(observer.reports.map(({ state }) => state)).toEqual(['cancelled', 'discarded']);
  });

  it('are told once of a start and an end, however many attempts there were', async () => {
    const observer = new RecordingObserver();
    const { run } = await startContext({ options: { observers: [observer], retry: { attempts: 3, delayMs: 0 } } });
    const error = new Error('always');
    await run((tasks) => tasks.addTask(() => Promise.reject(error)));
    expect(observer.events.map(([event]) => event)).toEqual(['accepted', 'started', 'settled']);
    expect(observer.reports).toMatchObject([{ state: 'failed', attempts: 3, error }]);
  });

  it('hear nothing more of a task that has timed out', async () => {
    const observer = new RecordingObserver();
    const { run } = await startContext({ options: { observers: [observer], timeoutMs: 1 } });
    const [resume, done] = [deferred(), deferred()];
    await run((tasks) =>
      tasks.addTask(async () => {
        const task = currentTask();
        await resume.promise;
        task.progress('late');
        done.resolve();
      }),
    );
    resume.resolve();
    await done.promise;
    expect(observer.events.map(([event]) => event)).toEqual(['accepted', 'started', 'settled']);
  });

  it('are all told, each once, also after one that throws; it is logged once and disturbs nobody', async () => {
    const rejections = new UnhandledRejections();
    const observer = new RecordingObserver();
    const broken = new BrokenObserver();
    const { run, host, logs } = await startContext({ options: { observers: [broken, observer] } });
    const tasks = await run((queue) => [
      queue.addTask(() => currentTask().progress(1)),
      queue.addTask(() => undefined),
    ]);
    expect(tasks.map((task) => task.state)).toEqual(['succeeded', 'succeeded']);
    expect(broken.calls).toBe(7);
    expect(observer.events).toHaveLength(7);
    expect(host.stats()).toMatchObject({ accepted: 2, succeeded: 2 });
    expect(logs.errors).toHaveLength(1);
    expect(logs.errors[0]).toContain('metrics are down');
    expect(await rejections.count()).toBe(0);
  });

  it('are logged once, each of those that throw', async () => {
    const { run, logs } = await startContext({ options: { observers: [new BrokenObserver(), new BrokenObserver()] } });
    await run((tasks) => tasks.addTask(() => undefined));
    expect(logs.errors).toHaveLength(2);
  });

  it('may be asynchronous and reject without an unhandled rejection', async () => {
    const rejections = new UnhandledRejections();
    const observer: TaskObserver = {
      taskSettled: () => Promise.reject(new Error('metrics are down')) as unknown as void,
    };
    const { run, logs } = await startContext({ options: { observers: [observer] } });
    await run((tasks) => {
      tasks.addTask(() => undefined);
      tasks.addTask(() => undefined);
    });
    expect(await rejections.count()).toBe(0);
    expect(logs.errors).toHaveLength(1);
    expect(logs.errors[0]).toContain('metrics are down');
  });

  it.each(hostileObjects)('may return $what, and disturb nobody', async ({ make }) => {
    const rejections = new UnhandledRejections();
    const observer = { taskAccepted: make, taskStarted: make, taskSettled: make } as TaskObserver;
    const { run, host, logs } = await startContext({ options: { observers: [observer] } });

    await run((tasks) => tasks.addTask(() => undefined));

    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1 });
    expect(logs.errors).toEqual([]);
    expect(await rejections.count()).toBe(0);
  });

  it.each(hostileErrors)('may throw or reject with $what, which is logged once', async ({ make }) => {
    const rejections = new UnhandledRejections();
    const observer = {
      taskAccepted: () => raise(make()),
      taskSettled: async () => raise(make()),
    } as unknown as TaskObserver;
    const { run, host, logs } = await startContext({ options: { observers: [observer] } });

    await run((tasks) => tasks.addTask(() => undefined));

    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1 });
    expect(logs.errors).toEqual([expect.stringMatching(/^A task observer threw, and is not reported again: /)]);
    expect(await rejections.count()).toBe(0);
  });

  it('need not have all members', async () => {
    const { run, host, logs } = await startContext({ options: { observers: [{}] } });
    await run((tasks) => tasks.addTask(() => currentTask().progress(1)));
    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1 });
    expect(logs.errors).toEqual([]);
  });
});

class RecordingObserver implements TaskObserver {
  readonly events: unknown[][] = [];
  readonly reports: TaskReport[] = [];

  taskAccepted(task: TaskEvent): void {
    this.events.push(['accepted', task]);
  }

  taskStarted(task: TaskEvent): void {
    this.events.push(['started', task]);
  }

  taskProgressed(task: TaskEvent, value: unknown): void {
    this.events.push(['progressed', task, value]);
  }

  taskSettled(report: TaskReport): void {
    this.events.push(['settled', report]);
    this.reports.push(report);
  }
}

class BrokenObserver implements TaskObserver {
  calls = 0;
  readonly taskAccepted = () => this.#fail();
  readonly taskStarted = () => this.#fail();
  readonly taskProgressed = () => this.#fail();
  readonly taskSettled = () => this.#fail();

  #fail(): never {
    this.calls++;
    throw new Error('metrics are down');
  }
}
