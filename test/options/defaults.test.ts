import { Scope } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BackgroundTasksModuleOptions, TaskObserver } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';

const never = () => new Promise<void>(() => undefined);

describe('the options of the module', () => {
  it('let 10,000 tasks wait by default', async () => {
    const { run, host } = await startContext();
    await run((tasks) => {
      for (let i = 0; i < 10_000; i++) tasks.addTask(() => undefined);
      expect(() => tasks.addTask(() => undefined)).toThrow(
        expect.objectContaining({ code: 'QUEUE_FULL', message: expect.stringContaining('10000 tasks') as string }),
      );
    });
    expect(host.stats()).toMatchObject({ accepted: 10_000, succeeded: 10_000 });
  });

  it('run one task of a request at a time, any number of the process, and no retry by default', async () => {
    const { run, host } = await startContext();
    const gate = deferred();
    let started = 0;
    const allStarted = deferred();
    const works = Array.from({ length: 50 }, () =>
      run((tasks) => {
        tasks.addTask(async () => {
          if (++started === 50) allStarted.resolve();
          await gate.promise;
          throw new Error('once');
        });
        tasks.addTask(() => undefined);
      }),
    );
    await allStarted.promise;
    expect(host.stats()).toMatchObject({ running: 50, waiting: 50 });
    gate.resolve();
    await Promise.all(works);
    expect(host.stats()).toMatchObject({ failed: 50, succeeded: 50 });
  });

  it('are read once, at start-up', async () => {
    const heard: string[] = [];
    const observers: TaskObserver[] = [{ taskAccepted: () => void heard.push('first') }];
    const retry = { attempts: 1 };
    const options = { concurrency: 1, maxPending: 10, observers, retry };
    const { run } = await startContext({ options });
    options.maxPending = 1;
    retry.attempts = 5;
    observers.push({ taskAccepted: () => void heard.push('late') });
    const task = await run((tasks) => {
      tasks.addTask(() => undefined);
      return tasks.addTask(() => Promise.reject(new Error('once')));
    });
    expect(await task.settled).toMatchObject({ attempts: 1 });
    expect(heard).toEqual(['first', 'first']);
  });

  it('may be frozen, and are not changed', async () => {
    const options: BackgroundTasksModuleOptions = Object.freeze({
      retry: Object.freeze({}),
      observers: Object.freeze([]),
    });
    const { run, host } = await startContext({ options });
    await run((tasks) => void tasks.addTask(() => undefined));
    expect(options).toEqual({ retry: {}, observers: [] });
    expect(host.stats().succeeded).toBe(1);
  });

  describe('that are times', () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
    afterEach(() => void vi.useRealTimers());

    it.each([
      { options: {}, after: 25_000 },
      { options: { shutdownTimeoutMs: 1_000 }, after: 1_000 },
    ])('give up at shutdown after shutdownTimeoutMs, 25 s by default: %j', async ({ options, after }) => {
      const { run, host, logs } = await startContext({ options });
      const started = deferred();
      const work = run((tasks) => {
        tasks.addTask(() => {
          started.resolve();
          return never();
        });
      });
      await started.promise;
      const drained = host.drain();
      await vi.advanceTimersByTimeAsync(after - 1);
      expect(host.stats()).toMatchObject({ running: 1, abandoned: 0 });
      await vi.advanceTimersByTimeAsync(1);
      await Promise.all([drained, work]);
      expect(host.stats()).toMatchObject({ running: 0, abandoned: 1 });
      expect(logs.errors[0]).toContain(`Shutdown took ${after} ms`);
    });

    it.each([
      { options: {}, after: 5_000 },
      { options: { disposeTimeoutMs: 100 }, after: 100 },
    ])('give a disposer disposeTimeoutMs, 5 s by default: %j', async ({ options, after }) => {
      class Stuck {
        onRequestDispose = never;
      }
      const { scopes, logs } = await startContext({
        options,
        providers: [{ provide: Stuck, useClass: Stuck, scope: Scope.REQUEST }],
      });
      const resolved = deferred();
      let isOver = false;
      const work = scopes
        .run(async (scope) => {
          await scope.resolve(Stuck);
          resolved.resolve();
        })
        .then(() => (isOver = true));
      await resolved.promise;
      await vi.advanceTimersByTimeAsync(after - 1);
      expect(isOver).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      await work;
      expect(logs.errors[0]).toContain(`took longer than ${after} ms`);
    });
  });
});
