import { describe, expect, it } from 'vitest';
import { deferred } from '../support/deferred.js';
import { Timeline } from '../support/timeline.js';
import { startContext } from '../support/start-context.js';

describe('B2 the order of tasks', () => {
  it('starts a task after the one before it has settled', async () => {
    const { run } = await startContext();
    const timeline = new Timeline();
    const { events, note } = timeline;
    const gates = [deferred(), deferred(), deferred()];
    const work = run((tasks) => {
      for (const [index, gate] of gates.entries()) {
        tasks.addTask(async () => {
          note(`start ${index}`);
          await gate.promise;
          note(`end ${index}`);
        });
      }
    });
    await timeline.until('start 0');
    gates[2]!.resolve();
    gates[1]!.resolve();
    expect(events).toEqual(['start 0']);
    gates[0]!.resolve();
    await work;
    expect(events).toEqual(['start 0', 'end 0', 'start 1', 'end 1', 'start 2', 'end 2']);
  });

  it('keeps the order of synchronous and asynchronous tasks, of methods and options', async () => {
    const { run } = await startContext();
    const ran: number[] = [];
    const target = { method: (value: number) => ran.push(value) };
    await run((tasks) => {
      tasks.addTask(async () => {
        await Promise.resolve();
        ran.push(0);
      });
      tasks.addTask(() => ran.push(1));
      tasks.with({ runOn: 'always' }).addTask(async () => ran.push(2));
      tasks.addTask(target, 'method', 3);
    });
    expect(ran).toEqual([0, 1, 2, 3]);
  });

  it('runs what a task adds after everything that waits', async () => {
    const { run } = await startContext();
    const ran: string[] = [];
    await run((tasks) => {
      tasks.addTask(() => {
        ran.push('first');
        tasks.addTask(() => ran.push('added by first'));
      });
      tasks.addTask(() => ran.push('second'));
    });
    expect(ran).toEqual(['first', 'second', 'added by first']);
  });

  it('starts no task before the work that adds them has ended', async () => {
    const { run } = await startContext();
    const ran: string[] = [];
    await run(async (tasks) => {
      tasks.addTask(() => ran.push('task'));
      await Promise.resolve();
      ran.push('work');
    });
    expect(ran).toEqual(['work', 'task']);
  });

  it('runs as many at a time as concurrency says, starting them in order', async () => {
    const { run, host } = await startContext({ options: { concurrency: 2 } });
    const timeline = new Timeline();
    const { events, note } = timeline;
    const gates = [deferred(), deferred(), deferred()];
    const work = run((tasks) => {
      for (const [index, gate] of gates.entries()) {
        tasks.addTask(async () => {
          note(`start ${index}`);
          await gate.promise;
        });
      }
    });
    await timeline.until('start 1');
    expect(host.stats()).toMatchObject({ running: 2, waiting: 1 });
    gates[1]!.resolve();
    await timeline.until('start 2');
    expect(host.stats()).toMatchObject({ running: 2, waiting: 0, succeeded: 1 });
    gates[0]!.resolve();
    gates[2]!.resolve();
    await work;
    expect(events).toEqual(['start 0', 'start 1', 'start 2']);
  });

  it('gives each request a concurrency of its own', async () => {
    const { run, host } = await startContext();
    const timeline = new Timeline();
    const gate = deferred();
    const add = () =>
      run((tasks) => {
        tasks.addTask(() => {
          timeline.note('start');
          return gate.promise;
        });
      });
    const works = [add(), add(), add()];
    await timeline.until('start', 3);
    expect(host.stats()).toMatchObject({ running: 3 });
    gate.resolve();
    await Promise.all(works);
  });

  it.each([
    { limits: 'no limit', options: {} },
    { limits: 'concurrency 4', options: { concurrency: 4 } },
    { limits: 'maxRunning 1', options: { maxRunning: 1 } },
  ])('runs 10,000 synchronous tasks of one request with $limits without a deep stack', async ({ options }) => {
    const { run, host } = await startContext({ options });
    let previous = -1;
    await run((tasks) => {
      for (let i = 0; i < 10_000; i++) tasks.addTask((index: number) => expect(index).toBe(++previous), i);
    });
    expect(previous).toBe(9_999);
    expect(host.stats()).toMatchObject({ accepted: 10_000, succeeded: 10_000 });
  });

  it('runs 10,000 synchronous tasks after an asynchronous one, and after a wait for a slot', async () => {
    const { run, host } = await startContext({ options: { maxRunning: 1, maxPending: 20_000 } });
    const gate = deferred();
    const many = () =>
      run((tasks) => {
        tasks.addTask(() => gate.promise);
        for (let i = 0; i < 9_000; i++) tasks.addTask(() => undefined);
      });
    const works = [many(), many()];
    gate.resolve();
    await Promise.all(works);
    expect(host.stats()).toMatchObject({ accepted: 18_002, succeeded: 18_002 });
  });
});
