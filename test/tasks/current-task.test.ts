import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BackgroundTasksError, currentTask, type TaskContext } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';

describe('currentTask()', () => {
  it('tells the task its id, name, attempt, signal and the outcome of its request', async () => {
    const { run } = await startContext();
    let seen!: TaskContext;
    const task = await run((tasks) => tasks.with({ name: 'mail' }).addTask(() => void (seen = currentTask())));
    expect(seen.id).toBe(task.id);
    expect(seen.name).toBe('mail');
    expect(seen.attempt).toBe(1);
    expect(seen.signal).toBeInstanceOf(AbortSignal);
    expect(seen.signal.aborted).toBe(false);
    expect(seen.outcome).toEqual({ succeeded: true, aborted: false });
  });

  it('tells a task that runs after a failure what the failure was', async () => {
    const { scopes } = await startContext();
    const error = new Error('handler');
    let seen!: TaskContext;
    const work = scopes.run(({ tasks }) => {
      tasks.with({ runOn: 'failure' }).addTask(() => void (seen = currentTask()));
      throw error;
    });
    await expect(work).rejects.toBe(error);
    expect(seen.outcome).toEqual({ succeeded: false, aborted: false, error });
  });

  it('is found by what the task calls, and after an await in the task that asked before it', async () => {
    const { run } = await startContext();
    const deep = () => currentTask().id;
    const ids: string[] = [];
    const task = await run((tasks) =>
      tasks.addTask(async () => {
        ids.push(deep());
        await Promise.resolve();
        ids.push(deep());
      }),
    );
    expect(ids).toEqual([task.id, task.id]);
  });

  it('is each task its own when they overlap', async () => {
    const { run } = await startContext({ options: { concurrency: 10 } });
    const gate = deferred();
    let started = 0;
    const seen: [string, string][] = [];
    const tasks = await run((queue) =>
      Array.from({ length: 10 }, () =>
        queue.addTask(async () => {
          const before = currentTask().id;
          if (++started === 10) gate.resolve();
          await gate.promise;
          seen.push([before, currentTask().id]);
        }),
      ),
    );
    expect(seen.map(([before]) => before)).toEqual(tasks.map((task) => task.id));
    expect(seen.filter(([before, after]) => before !== after)).toEqual([]);
  });

  it('is not the outer task in a task that a task adds', async () => {
    const { run } = await startContext();
    const seen: string[] = [];
    await run((tasks) => {
      tasks.with({ name: 'outer' }).addTask(async () => {
        seen.push(currentTask().name);
        await Promise.resolve();
        tasks.with({ name: 'inner' }).addTask(() => seen.push(currentTask().name));
      });
    });
    expect(seen).toEqual(['outer', 'inner']);
  });

  it('throws OUTSIDE_TASK outside a task, with the fix', async () => {
    const { run } = await startContext();
    expect(currentTask).toThrow(expect.objectContaining({ code: 'OUTSIDE_TASK' }));
    expect(currentTask).toThrow(BackgroundTasksError);
    expect(currentTask).toThrow('Call it in the function given to addTask()');
    await run(() => expect(currentTask).toThrow(expect.objectContaining({ code: 'OUTSIDE_TASK' })));
    await run((tasks) => tasks.addTask(() => currentTask()));
    expect(currentTask).toThrow(expect.objectContaining({ code: 'OUTSIDE_TASK' }));
  });

  it('works after any number of awaits, a timer and a callback, without having asked before', async () => {
    const { run } = await startContext();
    const names: string[] = [];
    await run((tasks) =>
      tasks.with({ name: 'mail' }).addTask(async () => {
        await Promise.resolve();
        await nextTurn();
        names.push(currentTask().name);
        await new Promise<void>((resolve) => {
          process.nextTick(() => {
            names.push(currentTask().name);
            resolve();
          });
        });
      }),
    );
    expect(names).toEqual(['mail', 'mail']);
  });
});
