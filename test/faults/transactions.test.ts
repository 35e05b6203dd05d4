import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Child, startChild } from '../support/child-app.js';
import { load } from '../support/load.js';
import { preparePostgres } from '../support/postgres.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';
import { useServer } from '../support/servers.js';
import { openPool } from '../support/transaction-app.js';
import { until } from '../support/until.js';

const TRANSACTIONS = scaled(120, 1_000);
const KILLS = scaled(4, 50);
const CLIENTS = 8;

/** The ways to enqueue, and whether a row and its task are one thing. */
const ways = [
  { way: 'enqueueWithin', isOneThing: true },
  { way: 'resource', isOneThing: true },
  { way: 'enqueue', isOneThing: false },
];

describe.each(ways)('B39 SIGKILLs of web and worker, tasks enqueued by "$way"', ({ way, isOneThing }) => {
  const server = useServer(preparePostgres);

  it(
    'leave no job without a row, and a row without a job only where the task goes after the commit',
    async () => {
      const pool = openPool(server().url);
      const queue = `faults-${randomUUID()}`;
      await pool.query('CREATE TABLE orders (id text PRIMARY KEY)');
      const start = (role: string) =>
        startChild('transactions', { env: { SERVER: server().url, QUEUE: queue, WAY: way, ROLE: role } });
      const workers: Child[] = [start('worker')];
      let answers = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        const web = start('web');
        const port = Number(await web.said('PORT'));
        const [from, to] = [kill, kill + 1].map((part) => Math.floor((part * TRANSACTIONS) / KILLS)) as [
          number,
          number,
        ];
        // The process dies at any moment between the first answer and the last.
        const dieAt = Math.random() * (to - from);
        let answered = 0;
        await load({
          port,
          clients: CLIENTS,
          keepAlive: true,
          next: (index) => (from + index < to ? { path: `/orders/${nameOf(from + index)}` } : undefined),
          answered: () => {
            answers++;
            if (answered++ >= dieAt) web.kill('SIGKILL');
          },
        });
        web.kill('SIGKILL');
        await web.exit;
        workers.at(-1)!.kill('SIGKILL');
        workers.push(start('worker'));
      }
      const jobs = async (where = 'true') => {
        const text = `SELECT data->>'payload' AS id FROM bullmq.job WHERE queue = $1 AND ${where}`;
        return (await pool.query<{ id: string }>(text, [queue])).rows.map(({ id }) => id);
      };
      await until('all jobs have ended', async () => (await jobs("state <> 'completed'")).length === 0, 100);

      const rows = (await pool.query<{ id: string }>('SELECT id FROM orders')).rows.map(({ id }) => id);
      const have = new Set(await jobs());
      const ran = new Set(workers.flatMap((worker) => worker.journal.of('D')));
      const rowsWithoutJob = rows.filter((id) => !have.has(id));
      const jobsWithoutRow = [...have].filter((id) => !rows.includes(id));
      report(
        `${way}: ${TRANSACTIONS} transactions, half rolled back, ${KILLS} SIGKILLs of web and of worker: ` +
          `${answers} answered, ${rows.length} rows, rows without a job ${rowsWithoutJob.length}, ` +
          `jobs without a row ${jobsWithoutRow.length}`,
      );
      expect(jobsWithoutRow).toEqual([]);
      expect(rowsWithoutJob.slice(0, isOneThing ? undefined : 0)).toEqual([]);
      expect([...ran].toSorted()).toEqual([...have].toSorted());
      expect([rows.length > 0, rows.filter((id) => id.endsWith('rolled-back'))]).toEqual([true, []]);
    },
    scaled(120_000, 900_000),
  );
});

function nameOf(index: number): string {
  return `${index}-${index % 2 === 0 ? 'committed' : 'rolled-back'}`;
}
