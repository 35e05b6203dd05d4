import { describe, expect, it } from 'vitest';
import type { BackgroundTask, BackgroundTasks } from '../../src/index.js';
import { startContext } from '../support/start-context.js';

describe('the waiting tasks of a request', () => {
  it('are listed in the order in which they will run', async () => {
    const { run } = await startContext();
    await run((tasks) => {
      const added = [tasks.addTask(first), tasks.addTask(second), tasks.addTask(third)];
      expect(tasks.pending).toEqual(added);
      added[1]!.cancel();
      expect(names(tasks)).toEqual(['first', 'third']);
    });
  });

  it('are the same through every view of the queue', async () => {
    const { run } = await startContext();
    await run((tasks) => {
      const view = tasks.with({ runOn: 'always' });
      view.addTask(first);
      tasks.addTask(second);
      expect(names(view)).toEqual(['first', 'second']);
      expect(names(tasks)).toEqual(['first', 'second']);
    });
  });

  it('do not include the one that runs', async () => {
    const { run } = await startContext();
    let seen: string[] = [];
    await run((tasks) => {
      tasks.addTask(() => (seen = names(tasks)));
      tasks.addTask(second);
    });
    expect(seen).toEqual(['second']);
  });

  it('cannot be changed through the list', async () => {
    const { run, host } = await startContext();
    await run((tasks) => {
      tasks.addTask(first);
      (tasks.pending as BackgroundTask[]).length = 0;
      expect(names(tasks)).toEqual(['first']);
    });
    expect(host.stats().succeeded).toBe(1);
  });

  it('are withdrawn by name, all of that name and no others', async () => {
    const { run, host } = await startContext();
    const ran: string[] = [];
    await run((tasks) => {
      tasks.with({ name: 'mail' }).addTask(() => ran.push('mail 1'));
      tasks.with({ name: 'audit' }).addTask(() => ran.push('audit'));
      tasks.with({ name: 'mail' }).addTask(() => ran.push('mail 2'));
      expect(tasks.cancel('mail')).toBe(true);
      expect(tasks.cancel('mail')).toBe(false);
      expect(tasks.cancel('nobody')).toBe(false);
    });
    expect(ran).toEqual(['audit']);
    expect(host.stats()).toMatchObject({ accepted: 3, cancelled: 2, succeeded: 1 });
  });

  it('can be withdrawn by a task that runs before them', async () => {
    const { run, host } = await startContext();
    const later = await run((tasks) => {
      tasks.addTask(() => tasks.cancel('second'));
      return tasks.addTask(second);
    });
    expect(later.state).toBe('cancelled');
    expect(host.stats()).toMatchObject({ accepted: 2, cancelled: 1, succeeded: 1 });
  });
});

describe('dedupe', () => {
  it("'keep-last' discards the waiting task of that name and runs the new one in its own place", async () => {
    const { run } = await startContext();
    const ran: string[] = [];
    const { earlier, later } = await run((tasks) => {
      const once = tasks.with({ name: 'index', dedupe: 'keep-last' });
      const replaced = once.addTask((value: string) => ran.push(value), 'old');
      tasks.addTask(() => ran.push('between'));
      return { earlier: replaced, later: once.addTask((value: string) => ran.push(value), 'new') };
    });
    expect(ran).toEqual(['between', 'new']);
    expect(earlier.state).toBe('discarded');
    expect(await earlier.settled).toMatchObject({ state: 'discarded', attempts: 0 });
    expect(later.state).toBe('succeeded');
    expect(later.id).not.toBe(earlier.id);
  });

  it("'keep-first' returns the handle of the waiting task and accepts nothing", async () => {
    const { run, host } = await startContext();
    const ran: string[] = [];
    const { earlier, later } = await run((tasks) => {
      const once = tasks.with({ name: 'index', dedupe: 'keep-first' });
      return {
        earlier: once.addTask((value: string) => ran.push(value), 'old'),
        later: once.addTask((value: string) => ran.push(value), 'new'),
      };
    });
    expect(later).toBe(earlier);
    expect(ran).toEqual(['old']);
    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1, discarded: 0 });
  });

  it('compares the default name too, and lets both run without the option', async () => {
    const { run, host } = await startContext();
    await run((tasks) => {
      tasks.addTask(first);
      tasks.with({ dedupe: 'keep-first' }).addTask(first);
      tasks.with({ dedupe: 'keep-first' }).addTask(second);
      tasks.addTask(second);
    });
    expect(host.stats()).toMatchObject({ accepted: 3, succeeded: 3 });
  });

  it('leaves a running task of that name alone', async () => {
    const { run, host } = await startContext();
    await run((tasks) => {
      const once = tasks.with({ name: 'index', dedupe: 'keep-first' });
      once.addTask(() => {
        once.addTask(second);
        once.addTask(second);
      });
    });
    expect(host.stats()).toMatchObject({ accepted: 2, succeeded: 2 });
  });

  it('does not reach into other requests', async () => {
    const { run, host } = await startContext();
    await run(async (tasks) => {
      const outer = tasks.with({ dedupe: 'keep-first' }).addTask(first);
      await run((others) => expect(others.with({ dedupe: 'keep-first' }).addTask(first)).not.toBe(outer));
    });
    expect(host.stats()).toMatchObject({ accepted: 2, succeeded: 2 });
  });
});

function names(tasks: BackgroundTasks): string[] {
  return tasks.pending.map((task) => task.name);
}

function first(): void {}
function second(): void {}
function third(): void {}
