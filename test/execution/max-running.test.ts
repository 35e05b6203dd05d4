import { describe, expect, it } from 'vitest';
import { type Deferred, deferred } from '../support/deferred.js';
import { Timeline } from '../support/timeline.js';
import { startContext, type RunningContext } from '../support/start-context.js';

describe('B15 maxRunning', () => {
  it('bounds the tasks that run at a time in the whole process', async () => {
    const { run, host } = await startContext({ options: { maxRunning: 3, concurrency: 2 } });
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running, host.stats().running);
      await Promise.resolve();
      await Promise.resolve();
      running--;
    };
    const units = Array.from({ length: 10 }, () =>
      run((tasks) => {
        for (let i = 0; i < 10; i++) tasks.addTask(work);
      }),
    );
    await Promise.all(units);
    expect(most).toBe(3);
    expect(host.stats()).toMatchObject({ accepted: 100, succeeded: 100 });
  });

  it.each([
    { kind: 'asynchronous', work: async (note: () => void) => note() },
    { kind: 'synchronous', work: (note: () => void): unknown => note() },
  ])(
    'lets requests with $kind tasks take turns: one with many does not keep the others waiting',
    async ({ work: each }) => {
      const units = await startContext({ options: { maxRunning: 1 } });
      const { timeline, open, work } = await blocked(units);
      const requests = ['a', 'b', 'c'].map((name) =>
        units.run((tasks) => {
          for (let i = 1; i <= 3; i++) tasks.addTask(each, () => timeline.note(`${name}${i}`));
        }),
      );
      const late = units.run((tasks) => void tasks.addTask(each, () => timeline.note('late')));
      await units.run((tasks) => void tasks.addTask(() => undefined).cancel());
      open.resolve();
      await Promise.all([work, late, ...requests]);
      expect(timeline.events).toEqual(['blocked', 'a1', 'b1', 'c1', 'late', 'a2', 'b2', 'c2', 'a3', 'b3', 'c3']);
    },
  );

  it('passes a slot to and fro between synchronous tasks of two requests without a deep stack', async () => {
    const units = await startContext({ options: { maxRunning: 1, maxPending: 30_000 } });
    const { open, work } = await blocked(units);
    const many = () =>
      units.run((tasks) => {
        for (let i = 0; i < 10_000; i++) tasks.addTask(() => undefined);
      });
    const requests = [many(), many()];
    await units.run(() => undefined);
    open.resolve();
    await Promise.all([work, ...requests]);
    expect(units.host.stats()).toMatchObject({ accepted: 20_001, succeeded: 20_001 });
  });

  it('gives its slot on when the task that would have had it was cancelled', async () => {
    const units = await startContext({ options: { maxRunning: 1 } });
    const { timeline, open, work } = await blocked(units);
    const withdrawn = deferred<{ cancel(): boolean }>();
    const first = units.run((tasks) => withdrawn.resolve(tasks.addTask(() => timeline.note('never'))));
    const second = units.run((tasks) => void tasks.addTask(() => timeline.note('second')));
    const task = await withdrawn.promise;
    await units.run(() => undefined);
    expect(task.cancel()).toBe(true);
    open.resolve();
    await Promise.all([work, first, second]);
    expect(timeline.events).toEqual(['blocked', 'second']);
    expect(units.host.stats()).toMatchObject({ accepted: 3, succeeded: 2, cancelled: 1 });
  });

  it('gives the slot on when a task times out', async () => {
    const { run, host } = await startContext({ options: { maxRunning: 1, timeoutMs: 1 } });
    await Promise.all([
      run((tasks) => void tasks.addTask(() => new Promise<void>(() => undefined))),
      run((tasks) => void tasks.addTask(() => undefined)),
    ]);
    expect(host.stats()).toMatchObject({ accepted: 2, 'timed-out': 1, succeeded: 1 });
  });
});

/** A unit of work whose task holds the only slot until `open` is resolved. */
async function blocked({
  run,
}: RunningContext): Promise<{ timeline: Timeline; open: Deferred; work: Promise<unknown> }> {
  const timeline = new Timeline();
  const open = deferred();
  const work = run((tasks) => {
    tasks.addTask(() => {
      timeline.note('blocked');
      return open.promise;
    });
  });
  await timeline.until('blocked');
  return { timeline, open, work };
}
