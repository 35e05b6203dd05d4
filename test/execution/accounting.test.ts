import { describe, expect, it } from 'vitest';
import type { BackgroundTask } from '../../src/index.js';
import { Accounts } from '../support/accounts.js';
import { deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';

describe('B16 stats()', () => {
  it('starts with nothing', async () => {
    const { host } = await startContext();
    expect(host.stats()).toEqual({
      accepted: 0,
      waiting: 0,
      running: 0,
      succeeded: 0,
      failed: 0,
      'timed-out': 0,
      skipped: 0,
      discarded: 0,
      cancelled: 0,
      abandoned: 0,
      enqueued: 0,
    });
  });

  it('counts a task in one state after the other, and adds up at every step', async () => {
    const accounts = new Accounts();
    const { run, host } = await startContext({ options: { observers: [accounts] } });
    accounts.host = host;
    const [started, gate] = [deferred(), deferred()];
    const handles: BackgroundTask[] = [];
    const work = run((tasks) => {
      handles.push(
        tasks.addTask(() => {
          started.resolve();
          return gate.promise;
        }),
      );
      expect(host.stats()).toMatchObject({ accepted: 1, waiting: 1, running: 0 });
      handles.push(tasks.addTask(() => Promise.reject(new Error('fails'))));
      handles.push(tasks.with({ timeoutMs: 1 }).addTask(() => new Promise<void>(() => undefined)));
      handles.push(tasks.with({ runOn: 'failure' }).addTask(() => undefined));
      handles.push(tasks.addTask(() => undefined));
      handles[4]!.cancel();
      expect(host.stats()).toMatchObject({ accepted: 5, waiting: 4, cancelled: 1 });
    });
    await started.promise;
    expect(host.stats()).toMatchObject({ accepted: 5, waiting: 2, running: 1, discarded: 1, cancelled: 1 });
    gate.resolve();
    await work;
    expect(host.stats()).toMatchObject({ waiting: 0, running: 0, succeeded: 1, failed: 1, 'timed-out': 1 });
    await accounts.close(handles);
    expect(accounts.violations).toEqual([]);
  });

  it('counts what the shutdown deadline leaves behind as abandoned', async () => {
    const accounts = new Accounts();
    const { run, host } = await startContext({ options: { observers: [accounts] } });
    accounts.host = host;
    const started = deferred();
    const handles: BackgroundTask[] = [];
    const work = run((tasks) => {
      handles.push(
        tasks.addTask(() => {
          started.resolve();
          return new Promise<void>(() => undefined);
        }),
      );
      handles.push(tasks.addTask(() => undefined));
    });
    await started.promise;
    await host.drain({ timeoutMs: 0 });
    await work;
    expect(handles.map((task) => task.state)).toEqual(['abandoned', 'abandoned']);
    expect(host.stats()).toMatchObject({ accepted: 2, abandoned: 2, waiting: 0, running: 0 });
    await accounts.close(handles);
    expect(accounts.violations).toEqual([]);
  });

  it('is a copy that later tasks do not change', async () => {
    const { run, host } = await startContext();
    const before = host.stats();
    await run((tasks) => void tasks.addTask(() => undefined));
    expect(before.accepted).toBe(0);
    expect(host.stats().accepted).toBe(1);
  });
});
