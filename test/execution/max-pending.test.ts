import { describe, expect, it } from 'vitest';
import { deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';

describe('B15 the room for waiting tasks', () => {
  it('counts what waits, not what runs', async () => {
    const { run, host } = await startContext({ options: { maxPending: 1 } });
    const [gate, started] = [deferred(), deferred()];
    const work = run((tasks) =>
      tasks.addTask(() => {
        started.resolve();
        return gate.promise;
      }),
    );
    await started.promise;
    await run((tasks) => void tasks.addTask(() => undefined));
    expect(host.stats()).toMatchObject({ running: 1, succeeded: 1 });
    gate.resolve();
    await work;
  });

  it('names the task, the limit and the ways out when there is none', async () => {
    const { run } = await startContext({ options: { maxPending: 1 } });
    await run((tasks) => {
      tasks.addTask(() => undefined);
      expect(() => tasks.with({ name: 'mail' }).addTask(() => undefined)).toThrow(
        expect.objectContaining({
          code: 'QUEUE_FULL',
          status: 503,
          // Not `overflow: 'wait'`: this work has no response to hold.
          message:
            'Task "mail" was refused: 1 tasks are waiting already. Raise maxPending if memory allows, or enqueue named ' +
            'tasks on a backend, which do not wait here.',
        }),
      );
    });
  });

  it("is refused with overflow 'wait', too, to work that has no response to hold", async () => {
    const { run } = await startContext({ options: { maxPending: 1, overflow: 'wait' } });
    await run((tasks) => {
      tasks.addTask(() => undefined);
      expect(() => tasks.addTask(() => undefined)).toThrow(expect.objectContaining({ code: 'QUEUE_FULL' }));
    });
  });

  it('is given back by cancelling', async () => {
    const { run, host } = await startContext({ options: { maxPending: 1 } });
    await run((tasks) => {
      for (let i = 0; i < 10; i++) tasks.addTask(() => undefined).cancel();
      tasks.addTask(() => undefined);
    });
    expect(host.stats()).toMatchObject({ accepted: 11, cancelled: 10, succeeded: 1 });
  });

  it('is given back by a failing request, a skipped task and a failing task', async () => {
    const { scopes, run, host } = await startContext({ options: { maxPending: 3, onTaskFailure: 'stop' } });
    const failing = scopes.run(({ tasks }) => {
      for (let i = 0; i < 3; i++) tasks.addTask(() => undefined);
      throw new Error('handler');
    });
    await expect(failing).rejects.toThrow('handler');
    await run((tasks) => {
      tasks.addTask(() => Promise.reject(new Error('task')));
      tasks.addTask(() => undefined);
      tasks.addTask(() => undefined);
    });
    await run((tasks) => {
      for (let i = 0; i < 3; i++) tasks.addTask(() => undefined);
    });
    expect(host.stats()).toMatchObject({ accepted: 9, discarded: 3, failed: 1, skipped: 2, succeeded: 3 });
  });

  it("passes from a task to the one that replaces it with dedupe 'keep-last'", async () => {
    const { run, host } = await startContext({ options: { maxPending: 1 } });
    const ran: number[] = [];
    await run((tasks) => {
      const once = tasks.with({ name: 'index', dedupe: 'keep-last' });
      for (let i = 0; i < 5; i++) once.addTask((value: number) => ran.push(value), i);
    });
    expect(ran).toEqual([4]);
    expect(host.stats()).toMatchObject({ accepted: 5, discarded: 4, succeeded: 1 });
  });

  it("is not asked for with dedupe 'keep-first' when the task waits already", async () => {
    const { run, host } = await startContext({ options: { maxPending: 1 } });
    await run((tasks) => {
      const once = tasks.with({ name: 'index', dedupe: 'keep-first' });
      expect(once.addTask(() => undefined)).toBe(once.addTask(() => undefined));
    });
    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1 });
  });
});
