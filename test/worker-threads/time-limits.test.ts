import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { currentTask, TaskScopes } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { report } from '../support/report.js';
import { inThread, nextThread, startThreads, ThreadWatch } from '../support/threads.js';

/** In which a thread has to start and begin, on a busy machine as well. */
const TIMEOUT_MS = 1_000;
/** On a machine that is busy with others one of a few rounds has to be quiet; if this package blocked, none would be. */
const ROUNDS = 5;
const MAX_DELAY_MS = 50;

describe('B36 a task whose thread function never ends', () => {
  it('is timed-out at its limit, its thread ends, and the main loop notices nothing', async () => {
    const { app, logs } = await startThreads();
    const watch = new ThreadWatch();
    let delayMs = Infinity;
    let lateMs = 0;
    await inThread('add')(1, 2);
    for (let round = 0; round < ROUNDS && delayMs >= MAX_DELAY_MS; round++) {
      const begun = nextThread();
      const loop = watchLoop();

      const task = await app
        .get(TaskScopes)
        .run(({ tasks }) => tasks.with({ timeoutMs: TIMEOUT_MS }).addTask(inThread('forever')));
      delayMs = Math.min(delayMs, loop.maxDelayMs());

      const { state, name, error, durationMs } = await task.settled;
      expect({ state, name, error }).toMatchObject({
        state: 'timed-out',
        name: 'forever',
        error: { name: 'TimeoutError' },
      });
      expect(durationMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 2);
      expect(durationMs).toBeLessThan(TIMEOUT_MS + 500);
      lateMs = Math.max(lateMs, durationMs - TIMEOUT_MS);
      await watch.gone(await begun);
    }
    expect(delayMs).toBeLessThan(MAX_DELAY_MS);
    expect(logs.errors.join()).toContain('Task "forever" timed out');
    report(
      `for(;;) in a thread: timed-out ${lateMs.toFixed(0)} ms after its limit, the main loop delayed by at most ${delayMs.toFixed(0)} ms`,
    );
  });

  it('is stopped also where it is the second step of the task', async () => {
    const { app } = await startThreads();
    const watch = new ThreadWatch();
    const begun = nextThread();

    const task = await app.get(TaskScopes).run(({ tasks }) =>
      tasks.with({ timeoutMs: TIMEOUT_MS }).addTask(async () => {
        await inThread('add')(1, 2);
        await inThread('forever')();
      }),
    );

    expect(task.state).toBe('timed-out');
    await watch.gone(await begun);
  });

  it('rejects with the reason, for a task that wants to know', async () => {
    const { app } = await startThreads();
    const heard = deferred<unknown>();

    await app.get(TaskScopes).run(({ tasks }) => {
      tasks
        .with({ timeoutMs: TIMEOUT_MS })
        .addTask(async () => inThread('forever')().catch((error: unknown) => heard.resolve(error)));
    });

    expect(await heard.promise).toMatchObject({ code: 'THREAD_CANCELLED', cause: { name: 'TimeoutError' } });
  });

  it('is not even begun when it waited for a thread until the limit', async () => {
    const { app } = await startThreads({ maxRunning: 1 });
    const watch = new ThreadWatch();
    const begun = nextThread();

    const tasks = await app
      .get(TaskScopes)
      .run((scope) => [1, 2, 3].map(() => scope.tasks.with({ timeoutMs: TIMEOUT_MS }).addTask(inThread('forever'))));
    expect(tasks.map(({ state }) => state)).toEqual(['timed-out', 'timed-out', 'timed-out']);
    await watch.gone(await begun);
    expect(await inThread('add')(1, 2)).toBe(3);
  });

  it('makes no call for a task that is over', async () => {
    const { app } = await startThreads();
    const late = deferred<unknown>();

    await app.get(TaskScopes).run(({ tasks }) => {
      tasks.with({ timeoutMs: 20 }).addTask(async () => {
        const { signal } = currentTask();
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        await inThread('add')(1, 2).catch((error: unknown) => late.resolve(error));
      });
    });

    expect(await late.promise).toMatchObject({ code: 'THREAD_CANCELLED' });
  });

  it('takes many calls of one task', async () => {
    const { app } = await startThreads();
    const warnings: unknown[] = [];
    const listener = (warning: unknown) => void warnings.push(warning);
    process.on('warning', listener);

    const task = await app
      .get(TaskScopes)
      .run(({ tasks }) =>
        tasks
          .with({ timeoutMs: 10_000 })
          .addTask(() => Promise.all(Array.from({ length: 50 }, (_, n) => inThread('square')(n)))),
      );
    process.off('warning', listener);

    expect(task.state).toBe('succeeded');
    expect(warnings).toEqual([]);
  });
});

describe('B35 the main loop', () => {
  it('answers within 50 ms while two threads compute for a second', async () => {
    await startThreads({ maxRunning: 2 });
    await Promise.all([inThread('busy')(50), inThread('busy')(50)]);
    let delayMs = Infinity;
    for (let round = 0; round < ROUNDS && delayMs >= MAX_DELAY_MS; round++) {
      const loop = watchLoop();
      await Promise.all([inThread('busy')(1_000), inThread('busy')(1_000)]);
      delayMs = Math.min(delayMs, loop.maxDelayMs());
    }

    expect(delayMs).toBeLessThan(MAX_DELAY_MS);
    report(`two threads computing for 1 s: the main loop delayed by at most ${delayMs.toFixed(0)} ms`);
  });
});

/** How late timers were since then, at worst. */
function watchLoop() {
  const histogram = monitorEventLoopDelay({ resolution: 5 });
  histogram.enable();
  return {
    maxDelayMs() {
      histogram.disable();
      return histogram.max / 1e6;
    },
  };
}
