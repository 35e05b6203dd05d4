import { describe, expect, it } from 'vitest';
import { currentTask, type ObservedTask, type TaskObserver } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { hostileErrors } from '../support/hostile-errors.js';
import { hostileObjects, raise } from '../support/hostile-values.js';
import { RecordedEvents } from '../support/recorded-events.js';
import { startContext } from '../support/start-context.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

describe('B16 observers', () => {
  it('are told of every step of a task, with its id and name', async () => {
    const events = new RecordedEvents();
    const { run } = await startContext({ options: { observers: [events.observer] } });
    const handle = await run((tasks) =>
      tasks.with({ name: 'import' }).addTask(() => {
        currentTask().progress(0.5);
        currentTask().progress({ rows: 10 });
      }),
    );
    const task = expect.objectContaining({ id: handle.id, name: 'import' }) as ObservedTask;
    expect(events.names.filter((name) => name.startsWith('task'))).toEqual(STEPS);
    expect(events.of('taskAccepted')).toMatchObject([{ task }]);
    expect(events.of('taskStarted')).toMatchObject([{ task, attempt: 1 }]);
    expect(events.of('taskProgressed')).toMatchObject([
      { task, value: 0.5 },
      { task, value: { rows: 10 } },
    ]);
    expect(events.of('taskSettled')).toMatchObject([{ task, report: await handle.settled }]);
  });

  it('are told the report of tasks that never ran', async () => {
    const events = new RecordedEvents();
    const { run } = await startContext({ options: { observers: [events.observer] } });
    await run((tasks) => {
      tasks.addTask(() => undefined).cancel();
      tasks.with({ runOn: 'failure' }).addTask(() => undefined);
    });
    expect(events.of('taskStarted')).toEqual([]);
    expect(events.of('taskSettled').map(({ report }) => report.state)).toEqual(['cancelled', 'discarded']);
  });

  it('are told of each attempt, and once of the end', async () => {
    const events = new RecordedEvents();
    const retry = { attempts: 3, delayMs: 0 };
    const { run } = await startContext({ options: { observers: [events.observer], retry } });
    const error = new Error('always');
    await run((tasks) => tasks.addTask(() => Promise.reject(error)));
    expect(events.of('taskStarted').map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(events.of('taskSettled')).toMatchObject([{ report: { state: 'failed', attempts: 3, error } }]);
  });

  it('hear nothing more of a task that has timed out', async () => {
    const events = new RecordedEvents();
    const { run } = await startContext({ options: { observers: [events.observer], timeoutMs: 1 } });
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
    expect(events.of('taskProgressed')).toEqual([]);
    expect(events.of('taskSettled')).toHaveLength(1);
  });

  it('are all told, each once, also after one that throws; it is logged once and disturbs nobody', async () => {
    const rejections = new UnhandledRejections();
    const events = new RecordedEvents();
    const broken = new BrokenObserver();
    const { run, host, logs } = await startContext({ options: { observers: [broken, events.observer] } });
    const tasks = await run((queue) => [
      queue.addTask(() => currentTask().progress(1)),
      queue.addTask(() => undefined),
    ]);
    expect(tasks.map((task) => task.state)).toEqual(['succeeded', 'succeeded']);
    expect(broken.calls).toBe(7);
    expect(events.names.filter((name) => name.startsWith('task'))).toHaveLength(7);
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

const STEPS = ['taskAccepted', 'taskStarted', 'taskProgressed', 'taskProgressed', 'taskSettled'];

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
