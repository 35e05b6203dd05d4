import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Child, startChild } from '../support/child-app.js';
import { type DurableApp, enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { until } from '../support/until.js';
import { servers, useServer } from '../support/servers.js';

const HOUR_MS = 3_600_000;
const realNow = Date.now;

describe.each(servers)(
  'B31, B34 · on $kind, a process whose clock is wrong',
  { timeout: 60_000 },
  ({ kind, prepare }) => {
    const server = useServer(prepare);
    afterEach(() => vi.restoreAllMocks());

    it.each([
      ['an hour ahead', HOUR_MS],
      ['an hour behind', -HOUR_MS],
    ])('enqueues what is run at once: %s', async (_what, shiftMs) => {
      const { web, worker } = await started(shiftMs);
      const tasks = Array.from({ length: 20 }, () => enqueued('work', work));

      await web.backend.accept(tasks);
      await until('all tasks are done', () => worker.journal.of('D').length === tasks.length);

      expect(worker.journal.of('D').toSorted()).toEqual(tasks.map(({ envelope }) => envelope.id).toSorted());
      expect(worker.journal.of('S')).toHaveLength(tasks.length);
    });

    it('delays a task by so much more when it is ahead', async () => {
      const { web, worker } = await started(HOUR_MS);
      const task = enqueued('work', { ...work, settings: { delay: 1 } });

      const before = realNow();
      await web.backend.accept([task]);
      await web.backend.accept([enqueued('work', work)]);
      await until('the task is done', () => worker.journal.of('D').length === 1);

      const job = (await web.backend.queue.getJob(`t${task.envelope.id}`))!;
      expect(await job.getState()).toBe('delayed');
      expect(job.timestamp + job.delay - before).toBeGreaterThanOrEqual(HOUR_MS);
      expect(worker.journal.of('S')).not.toContain(task.envelope.id);
    });

    it('delays a task by so much less when it is behind, and thus not at all', async () => {
      const { web, worker } = await started(-HOUR_MS);
      const task = enqueued('work', { ...work, settings: { delay: HOUR_MS / 2 } });

      await web.backend.accept([task]);
      await until('the task is done', () => worker.journal.of('D').length === 1);

      expect(worker.journal.of('D')).toEqual([task.envelope.id]);
    });

    // Redis counts the time of a lock itself; on PostgreSQL BullMQ's workers do, each by its own clock.
    const what =
      kind === 'Redis' ? 'leaves the tasks of other workers alone' : 'takes tasks of other workers that still run';
    it(`${what} when it is ahead`, async () => {
      const { web, worker } = await started(HOUR_MS, { HOLD_MS: kind === 'Redis' ? '2000' : '20000' });
      await web.backend.accept([enqueued('work', work)]);
      await until('the task has begun', () => worker.journal.of('S').length === 1);

      const runner = new RecordedRunner().handle('work');
      const settings = { lockDurationMs: 1_000, stalledIntervalMs: 100 };
      await startDurable({ server: server(), queueName: web.queueName, runner, worker: settings });
      // Whichever worker is the quicker to take it back.
      const runs = () => worker.journal.of('S').length + runner.runs.length;
      await until('the task is done, or has begun again', () => worker.journal.of('D').length > 0 || runs() > 1);

      expect(runs() > 1).toBe(kind === 'PostgreSQL');
    });

    /** The process of the test enqueues; another one, whose clock is right, runs. */
    async function started(shiftMs: number, env = {}): Promise<{ readonly web: DurableApp; readonly worker: Child }> {
      vi.spyOn(Date, 'now').mockImplementation(() => realNow() + shiftMs);
      const web = await startDurable({ server: server() });
      await untilReady(web);
      const worker = startChild('durable', {
        env: { SERVER: server().url, QUEUE: web.queueName, ROLE: 'worker', ...env },
      });
      await worker.said('READY');
      return { web, worker };
    }
  },
);

const work = { payload: { mustFail: false, takesMs: 0 } };
