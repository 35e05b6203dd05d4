import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type BackgroundTask, TaskScopes } from '../../src/index.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';
import { hearThreads, inThread, nextThread, startThreads, ThreadWatch } from '../support/threads.js';
import { timed } from '../support/timed.js';

const ROUNDS = scaled(2, 20);
const GOOD = scaled(200, 1_000);
const TIMEOUT_MS = 5_000;
const SHORT_TIMEOUT_MS = 300;

const faults = [
  { name: 'exits', timeoutMs: TIMEOUT_MS, state: 'failed', code: 'THREAD_CRASHED' },
  { name: 'throwsInTimer', timeoutMs: TIMEOUT_MS, state: 'failed', code: 'THREAD_CRASHED' },
  { name: 'rejectsUnheard', timeoutMs: TIMEOUT_MS, state: 'failed', code: 'THREAD_CRASHED' },
  { name: 'outOfMemory', timeoutMs: TIMEOUT_MS, state: 'failed', code: 'THREAD_CRASHED' },
  { name: 'forever', timeoutMs: SHORT_TIMEOUT_MS, state: 'timed-out', code: undefined },
  // The test ends its thread from outside.
  { name: 'waits', timeoutMs: TIMEOUT_MS, state: 'failed', code: 'THREAD_CRASHED' },
] as const;

describe('B36 functions that take their thread with them', () => {
  it(
    'fail with a typed error in time, and lose none of the good ones among them',
    async () => {
      const { app } = await startThreads(
        { maxRunning: 2, resourceLimits: { maxOldGenerationSizeMb: 32 } },
        { maxRunning: 2, concurrency: 1_000 },
      );
      const watch = new ThreadWatch();
      const isWaiting = new Set<number>();
      hearThreads((threadId) => isWaiting.add(threadId));
      const good: number[] = [];
      const bad: { readonly task: BackgroundTask; readonly fault: (typeof faults)[number] }[] = [];
      const all: BackgroundTask[] = [];

      await app.get(TaskScopes).run(({ tasks }) => {
        const every = Math.floor(GOOD / (ROUNDS * faults.length));
        for (let n = 0; n < GOOD; n++) {
          if (n % every === 0 && bad.length < ROUNDS * faults.length) {
            const fault = faults[bad.length % faults.length]!;
            const task = tasks
              .with({ timeoutMs: fault.timeoutMs })
              .addTask(fault.name === 'waits' ? terminated : inThread(fault.name));
            bad.push({ task, fault });
          }
          all.push(tasks.addTask(async () => good.push((await inThread('square')(n)) as number)));
        }
      });

      async function terminated(): Promise<unknown> {
        isWaiting.clear();
        const call = inThread('waits')();
        while (isWaiting.size === 0) await nextTurn();
        for (const threadId of isWaiting) void watch.terminate(threadId);
        return call;
      }

      const reports = await Promise.all(all.map(({ settled }) => settled));
      let slowestMs = 0;
      for (const { task, fault } of bad) {
        const { state, error, durationMs } = await task.settled;
        expect({ name: fault.name, state, code: (error as { code?: unknown } | undefined)?.code }).toMatchObject({
          ...(fault.code && { code: fault.code }),
          name: fault.name,
          state: fault.state,
        });
        expect(durationMs).toBeLessThan(fault.timeoutMs + 500);
        slowestMs = Math.max(slowestMs, fault.state === 'timed-out' ? durationMs - fault.timeoutMs : durationMs);
      }
      expect(reports.filter(({ state }) => state !== 'succeeded')).toEqual([]);
      expect(good.toSorted((a, b) => a - b)).toEqual(Array.from({ length: GOOD }, (_, n) => n * n));
      const { ms: recoveryMs, error } = await timed(() => inThread('add')(1, 2));
      expect(error).toBeUndefined();
      report(
        `${faults.length} faults × ${ROUNDS} rounds among ${GOOD} good calls: good lost 0; slowest fault ended after ${slowestMs.toFixed(0)} ms ` +
          `(beyond its limit, for the endless one); the next call took ${recoveryMs.toFixed(0)} ms`,
      );
    },
    scaled(60_000, 300_000),
  );

  it.each(faults.filter(({ code }) => code))(
    'leaves a thread for the next call when it $name',
    async ({ name, code }) => {
      await startThreads({ maxRunning: 1, resourceLimits: { maxOldGenerationSizeMb: 32 } });
      const watch = new ThreadWatch();
      const begun = name === 'waits' ? nextThread() : undefined;

      const call = inThread(name)();
      const next = inThread('add')(1, 2);
      if (begun) void begun.then((threadId) => watch.terminate(threadId));

      await expect(call).rejects.toMatchObject({ code, message: expect.stringContaining(`"${name}"`) as string });
      expect(await next).toBe(3);
    },
  );

  it('keeps the error that nobody caught as the cause', async () => {
    await startThreads();

    await expect(inThread('throwsInTimer')()).rejects.toMatchObject({
      cause: { name: 'RangeError', message: 'left alone' },
    });
    await expect(inThread('rejectsUnheard')()).rejects.toMatchObject({
      cause: { name: 'TypeError', message: 'nobody awaits me' },
    });
    await expect(inThread('exits')()).rejects.toThrow('it exited with code 3');
  });

  it.each([
    { name: 'throwsNullInTimer', message: 'null or undefined was thrown' },
    { name: 'throwsCircleInTimer', message: 'its own cause' },
  ])('fail also when Node or piscina cannot carry the error: $name', async ({ name, message }) => {
    await startThreads();

    await expect(inThread(name)()).rejects.toMatchObject({ code: 'THREAD_CRASHED', cause: { message } });
  });
});

describe('B36 what a function leaves running', () => {
  it.each(['busy', 'pause'])('fails alone: a %s call that has its thread by then succeeds', async (name) => {
    const { logs } = await startThreads({ maxRunning: 1 });
    const threadId = await inThread('whereAmI')();

    expect(await inThread('leavesTimer')(5)).toBe('done');
    expect(await inThread(name)(30)).toBe(30);
    expect(await inThread('add')(1, 2)).toBe(3);
    expect(await inThread('whereAmI')()).not.toBe(threadId);

    expect(logs.errors).toEqual([
      expect.stringMatching(/^Thread function "leavesTimer" left something running[^]*RangeError: left alone/),
    ]);
  });

  it('ends nothing but its thread where the logger throws', async () => {
    const { logs } = await startThreads({ maxRunning: 1 });
    const logged = vi.spyOn(logs, 'error').mockImplementation(() => {
      throw new Error('disk full');
    });

    expect(await inThread('leavesTimer')(5)).toBe('done');
    expect(await inThread('busy')(30)).toBe(30);
    expect(await inThread('add')(1, 2)).toBe(3);

    expect(logged).toHaveBeenCalledTimes(1);
  });

  it.each([
    { name: 'leavesDueTimer', result: 'done' },
    { name: 'leavesGetter', result: { value: 'done' } },
  ])('does not take the answer of its call with it when it fails at that moment: $name', async ({ name, result }) => {
    await startThreads({ maxRunning: 1 });

    for (let call = 0; call < 20; call++) expect(await inThread(name)()).toEqual(result);
  });

  it('is replaced, thread and all, when it fails while nothing runs', async () => {
    await startThreads({ maxRunning: 1 });
    const watch = new ThreadWatch();
    const threadId = (await inThread('whereAmI')()) as number;

    expect(await inThread('leavesTimer')(1)).toBe('done');
    await watch.gone(threadId);

    expect(await inThread('whereAmI')()).not.toBe(threadId);
  });
});

describe('B36 a thread that dies before it has begun the call', () => {
  it('is replaced, and the call knows nothing of it', async () => {
    await startThreads({ maxRunning: 1 });
    const watch = new ThreadWatch();
    const deaths = { left: 0 };
    const listener = (worker: { terminate(): Promise<number> }) => {
      if (deaths.left-- > 0) void worker.terminate();
    };
    process.on('worker', listener);
    onTestFinished(() => void process.off('worker', listener));

    for (let round = 0; round < 2; round++) {
      deaths.left = 2;
      const threadId = (await inThread('whereAmI')()) as number;
      expect(deaths.left).toBeLessThan(0);
      await watch.terminate(threadId);
    }
  });

  it('is given up for the third', async () => {
    await startThreads({ maxRunning: 2 });
    const listener = (worker: { terminate(): Promise<number> }) => void worker.terminate();
    process.on('worker', listener);

    const calls = await Promise.allSettled([inThread('add')(1, 2), inThread('add')(1, 2)]);
    process.off('worker', listener);

    for (const call of calls) expect(call).toMatchObject({ status: 'rejected', reason: { code: 'THREAD_CRASHED' } });
    expect(await inThread('add')(1, 2)).toBe(3);
  });
});
