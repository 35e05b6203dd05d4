import { describe, expect, it } from 'vitest';
import type { BackgroundTask, BackgroundTasks } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';

describe('the handle of a task', () => {
  it.each<{ what: string; add: (tasks: BackgroundTasks) => BackgroundTask; name: string }>([
    { what: 'a function by its name', add: (tasks) => tasks.addTask(sendMail), name: 'sendMail' },
    { what: 'a bound function', add: (tasks) => tasks.addTask(sendMail.bind(undefined)), name: 'bound sendMail' },
    { what: 'a function without a name', add: (tasks) => tasks.addTask(() => undefined), name: 'anonymous' },
    { what: 'a method by class and method', add: (tasks) => tasks.addTask(new Mailer(), 'send'), name: 'Mailer.send' },
    { what: 'a method of a plain object', add: (tasks) => tasks.addTask({ send() {} }, 'send'), name: 'Object.send' },
    { what: 'a task by its option', add: (tasks) => tasks.with({ name: 'mail' }).addTask(sendMail), name: 'mail' },
  ])('names $what', async ({ add, name }) => {
    const { run } = await startContext();
    const task = await run(add);
    expect(task.name).toBe(name);
    expect(await task.settled).toMatchObject({ id: task.id, name });
  });

  it('sends its id, name and state, and nothing of its insides, where a handler returns it', async () => {
    const { run } = await startContext();

    const sent = await run((tasks) => JSON.stringify(tasks.with({ name: 'mail' }).addTask(() => undefined)));

    expect(JSON.parse(sent)).toEqual({ id: expect.any(String) as string, name: 'mail', state: 'waiting' });
  });

  it('names a method of an object without a prototype', async () => {
    const { run } = await startContext();
    const bare = Object.assign(Object.create(null) as object, { send: () => undefined });
    const task = await run((tasks) => tasks.addTask(bare, 'send'));
    expect(task).toMatchObject({ name: 'Object.send', state: 'succeeded' });
  });

  it('has an id of its own that never changes', async () => {
    const { run } = await startContext();
    const tasks = await run((queue) => Array.from({ length: 100 }, () => queue.addTask(sendMail)));
    const before = tasks.map((task) => task.id);
    expect(new Set(before).size).toBe(100);
    expect(tasks.map((task) => task.id)).toEqual(before);
    expect((await Promise.all(tasks.map((task) => task.settled))).map((report) => report.id)).toEqual(before);
  });

  it('goes from waiting to running to succeeded', async () => {
    const { run } = await startContext();
    const [started, finish, added] = [deferred(), deferred(), deferred<BackgroundTask>()];
    const work = run((tasks) => {
      const task = tasks.addTask(() => {
        started.resolve();
        return finish.promise;
      });
      expect(task.state).toBe('waiting');
      added.resolve(task);
    });
    const task = await added.promise;
    await started.promise;
    expect(task.state).toBe('running');
    finish.resolve();
    await work;
    expect(task.state).toBe('succeeded');
  });

  it('goes from running to failed when the function throws', async () => {
    const { run } = await startContext();
    const error = new Error('no mail today');
    const task = await run((tasks) => tasks.addTask(() => Promise.reject(error)));
    expect(task.state).toBe('failed');
    expect(await task.settled).toMatchObject({ state: 'failed', attempts: 1, error });
  });

  it('withdraws a waiting task and never runs it', async () => {
    const { run, host } = await startContext();
    let runs = 0;
    const task = await run((tasks) => {
      const cancelled = tasks.addTask(() => runs++);
      expect(cancelled.cancel()).toBe(true);
      expect(cancelled.state).toBe('cancelled');
      expect(cancelled.cancel()).toBe(false);
      return cancelled;
    });
    expect(runs).toBe(0);
    expect(await task.settled).toMatchObject({ state: 'cancelled', attempts: 0, durationMs: 0 });
    expect(host.stats()).toMatchObject({ accepted: 1, cancelled: 1, succeeded: 0 });
  });

  it('does not interrupt a task that runs, nor one that has ended', async () => {
    const { run } = await startContext();
    let whileRunning: boolean | undefined;
    const task = await run((tasks) => {
      const handle: BackgroundTask = tasks.addTask(() => (whileRunning = handle.cancel()));
      return handle;
    });
    expect(whileRunning).toBe(false);
    expect(task.cancel()).toBe(false);
    expect(task.state).toBe('succeeded');
  });

  it('fulfils settled, asked for before or after the end, also of a task that failed', async () => {
    const { run } = await startContext();
    const error = new Error('late');
    const { early, failing } = await run((tasks) => {
      const task = tasks.addTask(() => {
        throw error;
      });
      return { early: task.settled, failing: task };
    });
    const report = await early;
    expect(report).toMatchObject({ state: 'failed', error });
    expect(await failing.settled).toEqual(report);
    expect(report.durationMs).toBeGreaterThanOrEqual(0);
  });

  it('leaves the error out of the report of a task that threw nothing', async () => {
    const { run } = await startContext();
    const report = await (await run((tasks) => tasks.addTask(sendMail))).settled;
    expect(Object.keys(report).sort()).toEqual(['attempts', 'durationMs', 'id', 'name', 'state']);
  });
});

function sendMail(): void {}

class Mailer {
  send(): void {}
}
