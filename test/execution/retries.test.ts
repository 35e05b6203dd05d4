import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BackgroundTasksModuleOptions, currentTask, type RetryOptions } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

describe('B14 a task with retry', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }));
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it.each<{ what: string; retry: RetryOptions; random: number; waits: number[] }>([
    {
      what: 'the delay times the factor',
      retry: { attempts: 4, delayMs: 100, factor: 3, jitter: 0 },
      random: 0.9,
      waits: [100, 300, 900],
    },
    {
      what: 'equal delays with factor 1',
      retry: { attempts: 4, delayMs: 70, factor: 1, jitter: 0 },
      random: 0.9,
      waits: [70, 70, 70],
    },
    {
      what: 'no longer than maxDelayMs',
      retry: { attempts: 5, delayMs: 100, factor: 3, maxDelayMs: 500, jitter: 0 },
      random: 0.9,
      waits: [100, 300, 500, 500],
    },
    {
      what: 'less than that by the share of chance',
      retry: { attempts: 3, delayMs: 100, factor: 2, jitter: 0.5 },
      random: 0.5,
      waits: [75, 150],
    },
    {
      what: 'the whole of it when chance says 0',
      retry: { attempts: 3, delayMs: 100, factor: 2, jitter: 1 },
      random: 0,
      waits: [100, 200],
    },
    { what: 'by default 1 s, then 2 s, three attempts in all', retry: {}, random: 0, waits: [1_000, 2_000] },
    { what: 'by default up to half less', retry: {}, random: 0.5, waits: [750, 1_500] },
  ])('waits $what', async ({ retry, random, waits }) => {
    const { run } = await startContext();
    // Not before: Nest draws the ids of its modules.
    vi.spyOn(Math, 'random').mockReturnValue(random);
    const at: number[] = [];
    const task = await finish(
      run((tasks) =>
        tasks.with({ retry }).addTask(() => {
          at.push(Date.now());
          throw new Error('again');
        }),
      ),
    );
    expect(at.slice(1).map((time, index) => time - at[index]!)).toEqual(waits);
    expect(await task.settled).toMatchObject({
      state: 'failed',
      attempts: waits.length + 1,
      durationMs: waits.reduce((sum, wait) => sum + wait),
    });
  });

  it('ends as succeeded with the number of attempts, and logs nothing, once one succeeds', async () => {
    const { run, logs, host } = await startContext();
    const attempts: number[] = [];
    const task = await finish(
      run((tasks) =>
        tasks.with({ retry: { attempts: 5 } }).addTask(async () => {
          attempts.push(currentTask().attempt);
          if (attempts.length < 3) throw new Error('not yet');
        }),
      ),
    );
    expect(attempts).toEqual([1, 2, 3]);
    expect(await task.settled).toMatchObject({ state: 'succeeded', attempts: 3 });
    expect(logs.errors).toEqual([]);
    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1, failed: 0 });
  });

  it('reports its failure once, with the last error and the number of the last attempt', async () => {
    const rejections = new UnhandledRejections();
    const { run, logs, host } = await startContext();
    let attempts = 0;
    const task = await finish(
      run((tasks) =>
        tasks.with({ retry: { attempts: 3 } }).addTask(() => Promise.reject(new Error(`error ${++attempts}`))),
      ),
    );
    expect(await task.settled).toMatchObject({ state: 'failed', attempts: 3, error: new Error('error 3') });
    expect(logs.errors).toHaveLength(1);
    expect(logs.errors[0]).toContain('attempt 3');
    expect(logs.errors[0]).toContain('error 3');
    expect(host.stats()).toMatchObject({ accepted: 1, failed: 1 });
    expect(await rejections.count()).toBe(0);
  });

  it('holds up the next task until it has settled, and counts as running while it waits', async () => {
    const { run, host } = await startContext();
    const ran: string[] = [];
    const work = run((tasks) => {
      const task = tasks.with({ retry: { attempts: 2, delayMs: 100, jitter: 0 } }).addTask(() => {
        ran.push('try');
        throw new Error('again');
      });
      tasks.addTask(() => ran.push('next'));
      return task;
    });
    await vi.advanceTimersByTimeAsync(99);
    expect(ran).toEqual(['try']);
    expect(host.stats()).toMatchObject({ running: 1, waiting: 1 });
    await vi.advanceTimersByTimeAsync(1);
    const task = await work;
    expect(ran).toEqual(['try', 'try', 'next']);
    expect(task.cancel()).toBe(false);
  });

  it('is tried again after a time-out, with a signal of its own', async () => {
    const { run, logs } = await startContext();
    const signals: AbortSignal[] = [];
    const task = await finish(
      run((tasks) =>
        tasks.with({ timeoutMs: 50, retry: { attempts: 2, delayMs: 10, jitter: 0 } }).addTask(() => {
          signals.push(currentTask().signal);
          return signals.length === 1 ? new Promise<void>(() => undefined) : undefined;
        }),
      ),
    );
    expect(await task.settled).toMatchObject({ state: 'succeeded', attempts: 2, durationMs: 60 });
    expect(signals.map((signal) => signal.aborted)).toEqual([true, false]);
    expect(logs.errors).toEqual([]);
  });

  it('is not disturbed when an attempt that timed out settles later', async () => {
    const { run } = await startContext();
    const late = deferred();
    let calls = 0;
    const work = run((tasks) =>
      tasks.with({ timeoutMs: 50, retry: { attempts: 5, delayMs: 10, jitter: 0 } }).addTask(() => {
        calls++;
        return calls === 1 ? late.promise : new Promise<void>((resolve) => setTimeout(resolve, 40));
      }),
    );
    await vi.advanceTimersByTimeAsync(70);
    expect(calls).toBe(2);
    late.reject(new Error('late'));
    const task = await finish(work);
    expect(await task.settled).toMatchObject({ state: 'succeeded', attempts: 2, durationMs: 100 });
    expect(calls).toBe(2);
  });

  it('ends in the state of its last attempt', async () => {
    const { run } = await startContext({ options: { timeoutMs: 50, retry: { attempts: 2, delayMs: 10 } } });
    let attempts = 0;
    const never = () => new Promise<void>(() => undefined);
    const [timedOut, failed] = await finish(
      run((tasks) => [
        tasks.addTask(() => (++attempts === 1 ? Promise.reject(new Error('first')) : never())),
        tasks.addTask(() => (++attempts === 3 ? never() : Promise.reject(new Error('last')))),
      ]),
    );
    expect(await timedOut.settled).toMatchObject({ state: 'timed-out', attempts: 2 });
    expect(await failed.settled).toMatchObject({ state: 'failed', attempts: 2, error: new Error('last') });
  });

  it.each<{ whose: string; module: BackgroundTasksModuleOptions; own?: RetryOptions; attempts: number }>([
    { whose: 'of the module', module: { retry: { attempts: 4 } }, attempts: 4 },
    {
      whose: 'of the task rather than of the module',
      module: { retry: { attempts: 4 } },
      own: { attempts: 2 },
      attempts: 2,
    },
    { whose: 'of nobody', module: {}, attempts: 1 },
  ])('takes the retry $whose', async ({ module, own, attempts }) => {
    const { run } = await startContext({ options: module });
    const task = await finish(
      run((tasks) => (own ? tasks.with({ retry: own }) : tasks).addTask(() => Promise.reject(new Error('always')))),
    );
    expect(await task.settled).toMatchObject({ state: 'failed', attempts });
  });
});

/** Moves the clock until the work is done. */
async function finish<T>(work: Promise<T>): Promise<T> {
  let isDone = false;
  void work.finally(() => (isDone = true));
  while (!isDone) await vi.advanceTimersByTimeAsync(10);
  return work;
}
