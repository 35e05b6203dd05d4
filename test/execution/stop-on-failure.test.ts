import { describe, expect, it } from 'vitest';
import { deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';

describe("B12 onTaskFailure: 'stop'", () => {
  it('reports the tasks after the one that failed as skipped', async () => {
    const { run, host, logs } = await startContext({ options: { onTaskFailure: 'stop' } });
    const tasks = await run((queue) => [
      queue.addTask(() => undefined),
      queue.addTask(fail),
      queue.addTask(() => undefined),
      queue.with({ runOn: 'always' }).addTask(() => undefined),
    ]);
    expect(tasks.map((task) => task.state)).toEqual(['succeeded', 'failed', 'skipped', 'skipped']);
    expect(await tasks[2]!.settled).toMatchObject({ state: 'skipped', attempts: 0, durationMs: 0 });
    expect(host.stats()).toMatchObject({ accepted: 4, succeeded: 1, failed: 1, skipped: 2, waiting: 0, running: 0 });
    expect(logs.errors).toHaveLength(1);
  });

  it('skips after a task that timed out', async () => {
    const { run } = await startContext({ options: { onTaskFailure: 'stop', timeoutMs: 1 } });
    const tasks = await run((queue) => [
      queue.addTask(() => new Promise<void>(() => undefined)),
      queue.addTask(() => undefined),
    ]);
    expect(tasks.map((task) => task.state)).toEqual(['timed-out', 'skipped']);
  });

  it('skips what the failed task added before it failed', async () => {
    const { run, host } = await startContext({ options: { onTaskFailure: 'stop' } });
    await run((tasks) =>
      tasks.addTask(() => {
        tasks.addTask(() => undefined);
        fail();
      }),
    );
    expect(host.stats()).toMatchObject({ accepted: 2, failed: 1, skipped: 1 });
  });

  it('skips what a task that ran beside the failed one adds after the failure', async () => {
    const { run, host } = await startContext({ options: { onTaskFailure: 'stop', concurrency: 2 } });
    const [bothRun, failed] = [deferred(), deferred()];
    await run((tasks) => {
      const failing = tasks.addTask(() => bothRun.promise.then(fail));
      void failing.settled.then(() => failed.resolve());
      tasks.addTask(async () => {
        bothRun.resolve();
        await failed.promise;
        tasks.addTask(() => undefined);
      });
    });
    expect(host.stats()).toMatchObject({ accepted: 3, failed: 1, succeeded: 1, skipped: 1 });
  });

  it('does not skip the tasks of other requests', async () => {
    const { run, host } = await startContext({ options: { onTaskFailure: 'stop' } });
    await run(async (tasks) => {
      tasks.addTask(() => undefined);
      await run((others) => others.addTask(fail));
    });
    expect(host.stats()).toMatchObject({ accepted: 2, failed: 1, succeeded: 1 });
  });

  it('does not take a failed attempt for a failed task', async () => {
    const { run, host } = await startContext({
      options: { onTaskFailure: 'stop', retry: { attempts: 2, delayMs: 0 } },
    });
    let attempts = 0;
    await run((tasks) => {
      tasks.addTask(() => {
        if (++attempts === 1) fail();
      });
      tasks.addTask(() => undefined);
    });
    expect(host.stats()).toMatchObject({ accepted: 2, succeeded: 2 });
  });

  it("'continue' is the default and says nothing of the sort", async () => {
    const { run, host } = await startContext();
    await run((tasks) => {
      tasks.addTask(fail);
      tasks.addTask(() => undefined);
    });
    expect(host.stats()).toMatchObject({ failed: 1, succeeded: 1, skipped: 0 });
  });
});

function fail(): never {
  throw new Error('stop here');
}
