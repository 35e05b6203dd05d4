import { describe, expect, it } from 'vitest';
import { enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { until } from '../support/until.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';
import { servers, useServer } from '../support/servers.js';

/** How long a task takes: some of them are always under way. */
const TASK_MS = 20;

describe.each(servers)('B31, B32 · named tasks on $kind', ({ kind, prepare }) => {
  const server = useServer(prepare);

  it(
    'all succeed while the server is restarted in the middle of them',
    async () => {
      const jobs = scaled(100, 1_000);
      const endings = Array.from({ length: scaled(3, 30) }, (_, index) => (index % 2 ? 'kill' : 'stop'));
      const runner = new RecordedRunner().handle('work', () => new Promise((resolve) => setTimeout(resolve, TASK_MS)));
      const durable = await startDurable({
        server: server(),
        runner,
        worker: { concurrency: 5, lockDurationMs: 1_000, stalledIntervalMs: 500, maxStalledCount: endings.length },
      });
      await untilReady(durable);
      const tasks = Array.from({ length: jobs }, () => enqueued('work'));
      await durable.backend.accept(tasks);

      for (const [index, end] of endings.entries()) {
        await runner.ran(Math.floor(((index + 1) * jobs) / (endings.length + 1)));
        await server()[end]();
        await server().start();
      }
      await untilReady(durable);
      await until('all jobs have completed', async () => (await durable.backend.queue.getCompletedCount()) === jobs);

      const runsOf = (id: string) => runner.runs.filter(({ envelope }) => envelope.id === id).length;
      const ran = new Set(runner.runs.map(({ envelope }) => envelope.id));
      report(
        `${kind}: ${endings.length} restarts lost 0 of ${jobs} named tasks; ${runner.runs.length - jobs} runs were repeated`,
      );
      expect([...ran].toSorted()).toEqual(tasks.map(({ envelope }) => envelope.id).toSorted());
      expect(
        tasks.filter(({ envelope: { id } }) => runsOf(id) === 1 && durable.logs.errors.join().includes(id)),
      ).toEqual([]);
      expect(await durable.backend.queue.getJobCounts('waiting', 'active', 'delayed', 'failed')).toEqual({
        waiting: 0,
        active: 0,
        delayed: 0,
        failed: 0,
      });
    },
    scaled(60_000, 600_000),
  );
});
