import { Controller, Injectable, Post, Scope } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, currentTask, TaskScopes, Tasks } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { platforms, startApp } from '../support/platforms.js';
import { startContext, type RunningContext } from '../support/start-context.js';

const SHUTDOWN_TIMEOUT_MS = 600;
/** A fifth of the timeout. */
const GRACE_MS = 120;
/** How much later than asked for a timer may fire on a busy machine. */
const LATE_MS = 500;

describe.each(platforms)('B18 the shutdown deadline on $name', (platform) => {
  it('aborts signals a grace before it, then abandons what is left, names it in one line and closes', async () => {
    const stuck = new Stuck();
    const { app, url, logs } = await startApp(platform, stuck.settings());
    const host = app.get(BackgroundTasksHost);
    await (await fetch(`${url}/stuck`, { method: 'POST' })).text();
    await stuck.running.promise;

    const begun = performance.now();
    await app.close();
    const closedMs = performance.now() - begun;

    const abortedMs = (await stuck.aborted.promise) - begun;
    expect(abortedMs).toBeGreaterThanOrEqual(SHUTDOWN_TIMEOUT_MS - GRACE_MS - 5);
    expect(abortedMs).toBeLessThan(closedMs);
    expect(closedMs).toBeGreaterThanOrEqual(SHUTDOWN_TIMEOUT_MS - 5);
    expect(closedMs).toBeLessThan(SHUTDOWN_TIMEOUT_MS + LATE_MS);
    const reports = await Promise.all(stuck.handles.map((handle) => handle.settled));
    expect(reports.map(({ state }) => state)).toEqual(['abandoned', 'abandoned']);
    expect(host.stats()).toMatchObject({ accepted: 2, abandoned: 2, waiting: 0, running: 0 });
    const named = logs.errors.filter((line) => line.includes('abandoned'));
    expect(named).toHaveLength(1);
    expect(named[0]).toMatch(new RegExp(`"neverSettling" \\(id ${stuck.handles[0]!.id}, running for \\d+ ms\\)`));
    expect(named[0]).toContain(`"behindIt" (id ${stuck.handles[1]!.id})`);
  });

  it('ignores what an abandoned task does later', async () => {
    const stuck = new Stuck();
    const { app, url, logs } = await startApp(platform, stuck.settings());
    const host = app.get(BackgroundTasksHost);
    await (await fetch(`${url}/stuck`, { method: 'POST' })).text();
    await stuck.running.promise;
    await app.close();
    const linesAtClose = logs.errors.length;

    stuck.outcome.reject(new Error('too late'));
    await host.onIdle();

    expect(host.stats()).toMatchObject({ abandoned: 2, failed: 0 });
    expect(logs.errors).toHaveLength(linesAtClose);
  });

  it('lets a task that heeds its signal end as itself', async () => {
    const stuck = new Stuck();
    const { app, url, logs } = await startApp(platform, stuck.settings());
    const host = app.get(BackgroundTasksHost);
    await (await fetch(`${url}/stuck/heeding`, { method: 'POST' })).text();
    await stuck.running.promise;

    await app.close();

    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1, abandoned: 0 });
    expect(logs.errors).toEqual([]);
  });

  it('is not held up by a disposer that never settles, and names it', async () => {
    const stuck = new Stuck();
    const { app, url, logs } = await startApp(platform, stuck.settings());
    await (await fetch(`${url}/hanging`, { method: 'POST' })).text();
    await stuck.running.promise;

    const begun = performance.now();
    await app.close();

    expect(performance.now() - begun).toBeLessThan(SHUTDOWN_TIMEOUT_MS + LATE_MS);
    expect(logs.errors).toEqual([expect.stringMatching(/Shutdown took 600 ms.*HangingSession/)]);
    // Its own limit comes later, and must not end up in the log of another test.
    await app.get(BackgroundTasksHost).onIdle();
    expect(logs.errors).toEqual([expect.anything(), expect.stringContaining('Disposing HangingSession took longer')]);
  });

  it('is not held up by a handler, or a unit of work, that never ends', async () => {
    const stuck = new Stuck();
    const { app, url } = await startApp(platform, stuck.settings());
    const host = app.get(BackgroundTasksHost);
    const unfinished = fetch(`${url}/stuck/for-ever`, { method: 'POST' }).catch(() => 'reset');
    await stuck.running.promise;
    void app.get(TaskScopes).run(() => new Promise(() => undefined));

    const begun = performance.now();
    await app.close();

    expect(performance.now() - begun).toBeLessThan(SHUTDOWN_TIMEOUT_MS + LATE_MS);
    await expect(unfinished).resolves.toBe('reset');
    expect(host.stats()).toMatchObject({ accepted: 1, abandoned: 1 });
  });

  it('abandons at once where the timeout is 0', async () => {
    const stuck = new Stuck();
    const { app, url } = await startApp(platform, stuck.settings());
    const host = app.get(BackgroundTasksHost);
    await (await fetch(`${url}/stuck`, { method: 'POST' })).text();
    await stuck.running.promise;

    const begun = performance.now();
    await host.drain({ timeoutMs: 0 });

    expect(performance.now() - begun).toBeLessThan(LATE_MS);
    expect(host.stats()).toMatchObject({ abandoned: 2 });
  });
});

describe('B18 past the shutdown deadline', () => {
  it.each([
    { where: 'its own request', add: (units: RunningContext, waiting: () => void) => void runStuck(units, waiting) },
    {
      where: 'another request',
      add: (units: RunningContext, waiting: () => void) => {
        void runStuck(units);
        void units.run((tasks) => void tasks.addTask(waiting));
      },
    },
  ])('a task that waits for the slot of a stuck one in $where is abandoned, not started', async ({ add }) => {
    const units = await startContext({ options: { maxRunning: 1, concurrency: 2 } });
    const started: string[] = [];
    add(units, () => void started.push('waiting'));
    // By now those before it have run, or wait for a slot.
    await units.run(() => undefined);

    await units.host.drain({ timeoutMs: 0 });

    expect(started).toEqual([]);
    expect(units.host.stats()).toMatchObject({ accepted: 2, abandoned: 2, running: 0 });
  });
});

function runStuck({ run }: RunningContext, ...others: (() => void)[]): Promise<void> {
  return run((tasks) => {
    tasks.addTask(() => new Promise(() => undefined));
    for (const other of others) tasks.addTask(other);
  });
}

/** What the routes and the test tell each other. */
class Stuck {
  readonly running = deferred();
  readonly aborted = deferred<number>();
  readonly outcome = deferred();
  readonly handles: ReturnType<BackgroundTasks['addTask']>[] = [];

  settings() {
    const { running, aborted, outcome, handles } = this;

    function neverSettling(): Promise<void> {
      currentTask().signal.addEventListener('abort', () => aborted.resolve(performance.now()));
      running.resolve();
      return outcome.promise;
    }

    @Controller('stuck')
    class StuckController {
      @Post()
      add(@Tasks() tasks: BackgroundTasks): void {
        handles.push(tasks.addTask(neverSettling));
        handles.push(tasks.addTask(function behindIt() {}));
      }

      @Post('heeding')
      addHeeding(@Tasks() tasks: BackgroundTasks): void {
        tasks.addTask(() => {
          const { signal } = currentTask();
          running.resolve();
          return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        });
      }

      @Post('for-ever')
      neverEnding(@Tasks() tasks: BackgroundTasks): Promise<void> {
        tasks.addTask(() => undefined);
        running.resolve();
        return new Promise(() => undefined);
      }
    }

    @Injectable({ scope: Scope.REQUEST })
    class HangingSession {
      [Symbol.asyncDispose](): Promise<void> {
        running.resolve();
        return new Promise(() => undefined);
      }
    }

    @Controller('hanging')
    class HangingController {
      constructor(readonly session: HangingSession) {}

      @Post()
      open(): void {}
    }
    return {
      controllers: [StuckController, HangingController],
      providers: [HangingSession],
      options: { shutdownTimeoutMs: SHUTDOWN_TIMEOUT_MS, disposeTimeoutMs: SHUTDOWN_TIMEOUT_MS + LATE_MS },
    };
  }
}
