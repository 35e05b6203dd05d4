import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BullMqTasks } from '../../src/bullmq/index.js';
import { type Child, startChild } from '../support/child-app.js';
import { startDurable, untilReady } from '../support/durable.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

describe.each(servers)('B50 · a task of a schedule that kills its worker each time, on $kind', ({ prepare }) => {
  const server = useServer(prepare);

  it(
    'fails after maxStalledCount more runs, and the next tasks of the schedule run',
    { timeout: 120_000 },
    async () => {
      const queueName = `faults-${randomUUID()}`;
      const folder = mkdtempSync(join(tmpdir(), 'poison-'));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      const env = { SERVER: server().url, QUEUE: queueName, POISON: join(folder, 'poison') };
      const web = await startDurable({ server: server(), queueName });
      await untilReady(web);
      const tasks = web.app.get(BullMqTasks);
      const workers: Child[] = [];
      const lines = (kind: string) => workers.flatMap(({ journal }) => journal.of(kind));
      let isOver = false;
      onTestFinished(() => void (isOver = true));
      const oneAfterAnother = async () => {
        while (!isOver) {
          const worker = startChild('scheduled', { env });
          workers.push(worker);
          await worker.exit;
        }
      };
      const working = oneAfterAnother();
      const failed = () => tasks.list({ state: 'failed' });
      const hasFailed = () => until('the task has failed', async () => (await failed()).length === 1, 50);

      await hasFailed();
      const poison = readFileSync(env.POISON, 'utf8');
      const runs = () => lines('S').filter((id) => id === poison).length;
      const [[row], atFirst, others] = [await failed(), runs(), lines('D').length];
      await until('others have run', () => lines('D').length >= others + 2, 50);
      const retried = await tasks.retry(poison);
      await until('it has run again', () => runs() > atFirst, 50);
      await hasFailed();
      isOver = true;
      workers.at(-1)!.kill('SIGKILL');
      await working;

      expect(row).toMatchObject({
        id: poison,
        name: 'sweep',
        error: { message: 'The task lost its worker more often than worker.maxStalledCount allows.' },
      });
      expect([atFirst, retried, runs()]).toEqual([2, 1, 4]);
    },
  );
});
