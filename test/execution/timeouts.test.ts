import { beforeEach, afterEach, describe, expect, it, vi } from 'vitest';
import { Observable } from 'rxjs';
import { currentTask } from '../../src/index.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

describe('B14 a task that exceeds timeoutMs', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }));
  afterEach(() => void vi.useRealTimers());

  it('ends as timed-out at its limit and lets the next start, though it never settles', async () => {
    const { run, host } = await startContext();
    const ran: string[] = [];
    const [stuck, next] = await runAnd(
      run((tasks) => [tasks.with({ timeoutMs: 100 }).addTask(never), tasks.addTask(() => ran.push('next'))] as const),
      async () => {
        await vi.advanceTimersByTimeAsync(99);
        expect(ran).toEqual([]);
        expect(host.stats()).toMatchObject({ running: 1, waiting: 1, 'timed-out': 0 });
        await vi.advanceTimersByTimeAsync(1);
        expect(ran).toEqual(['next']);
      },
    );
    expect(await stuck.settled).toMatchObject({ state: 'timed-out', attempts: 1, durationMs: 100 });
    expect((await stuck.settled).error).toMatchObject({ name: 'TimeoutError' });
    expect(next.state).toBe('succeeded');
    expect(host.stats()).toMatchObject({ accepted: 2, 'timed-out': 1, succeeded: 1, running: 0, waiting: 0 });
  });

  it('has an Observable that it returned unsubscribed, before its next attempt subscribes', async () => {
    const { run } = await startContext();
    const events: string[] = [];
    const stream = new Observable<void>(() => {
      events.push('subscribed');
      return () => void events.push('unsubscribed');
    });
    const options = { timeoutMs: 100, retry: { attempts: 2, delayMs: 10, jitter: 0 } };
    const task = await runAnd(
      run((tasks) => tasks.with(options).addTask(() => stream)),
      () => vi.advanceTimersByTimeAsync(300),
    );

    expect(events).toEqual(['subscribed', 'unsubscribed', 'subscribed', 'unsubscribed']);
    expect(await task.settled).toMatchObject({ state: 'timed-out', attempts: 2 });
  });

  it('has its signal aborted with a TimeoutError', async () => {
    const { run } = await startContext();
    let signal!: AbortSignal;
    await runAnd(
      run((tasks) =>
        tasks.with({ timeoutMs: 100 }).addTask(() => {
          ({ signal } = currentTask());
          return never();
        }),
      ),
      async () => {
        await vi.advanceTimersByTimeAsync(99);
        expect(signal.aborted).toBe(false);
        await vi.advanceTimersByTimeAsync(1);
      },
    );
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ name: 'TimeoutError', message: expect.stringContaining('100 ms') as string });
  });

  it('finds its signal aborted when it first asks for it after the limit', async () => {
    const { run } = await startContext();
    const resume = deferred();
    const asked = deferred<AbortSignal>();
    await runAnd(
      run((tasks) =>
        tasks.with({ timeoutMs: 100 }).addTask(async () => {
          const task = currentTask();
          await resume.promise;
          asked.resolve(task.signal);
        }),
      ),
      () => vi.advanceTimersByTimeAsync(100),
    );
    resume.resolve();
    expect((await asked.promise).reason).toMatchObject({ name: 'TimeoutError' });
  });

  it.each([
    { how: 'fulfilled', settle: (late: Deferred) => late.resolve() },
    { how: 'rejected', settle: (late: Deferred) => late.reject(new Error('late')) },
  ])('is reported once when its promise is $how later', async ({ settle }) => {
    const rejections = new UnhandledRejections();
    const { run, host, logs } = await startContext();
    const late = deferred();
    const task = await runAnd(
      run((tasks) => tasks.with({ timeoutMs: 100 }).addTask(() => late.promise)),
      () => vi.advanceTimersByTimeAsync(100),
    );
    const [report, stats] = [await task.settled, host.stats()];
    settle(late);
    expect(await rejections.count()).toBe(0);
    expect(task.state).toBe('timed-out');
    expect(await task.settled).toEqual(report);
    expect(host.stats()).toEqual(stats);
    expect(logs.errors).toHaveLength(1);
    expect(logs.errors[0]).toContain(`Task "anonymous" timed out (id ${task.id}, attempt 1, 100.0 ms`);
  });

  it('takes the limit of the module, unless it has its own', async () => {
    const { run } = await startContext({ options: { timeoutMs: 50 } });
    const [byDefault, own] = await runAnd(
      run((tasks) => [tasks.addTask(never), tasks.with({ timeoutMs: 200 }).addTask(never)] as const),
      () => vi.advanceTimersByTimeAsync(250),
    );
    expect(await byDefault.settled).toMatchObject({ state: 'timed-out', durationMs: 50 });
    expect(await own.settled).toMatchObject({ state: 'timed-out', durationMs: 200 });
  });

  it('leaves no timer behind when it settles in time', async () => {
    const { run } = await startContext();
    await run((tasks) => {
      tasks.with({ timeoutMs: 100 }).addTask(() => undefined);
      tasks.with({ timeoutMs: 100 }).addTask(() => Promise.resolve());
      tasks.with({ timeoutMs: 100 }).addTask(() => Promise.reject(new Error('in time')));
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('has no limit by default', async () => {
    const { run, host } = await startContext();
    const gate = deferred();
    const started = deferred();
    const work = run((tasks) =>
      tasks.addTask(() => {
        started.resolve();
        return gate.promise;
      }),
    );
    await started.promise;
    await vi.advanceTimersByTimeAsync(24 * 60 * 60 * 1_000);
    expect(host.stats()).toMatchObject({ running: 1 });
    gate.resolve();
    expect(await (await work).settled).toMatchObject({ state: 'succeeded' });
  });
});

const never = () => new Promise<void>(() => undefined);

/** Does something while the work runs, then waits for the work. */
async function runAnd<T>(work: Promise<T>, meanwhile: () => Promise<unknown>): Promise<T> {
  await meanwhile();
  return work;
}
