import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule } from '../../src/bullmq/index.js';
import { defineTask, type HandlesBatch, TaskHandler } from '../../src/index.js';
import { type Child, startChild } from '../support/child-app.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { until } from '../support/until.js';

const WriteAudit = defineTask<number>({ name: 'write-audit', batch: { maxSize: 10, maxWaitMs: 20 } });

@TaskHandler(WriteAudit)
class WriteAuditHandler implements HandlesBatch<typeof WriteAudit> {
  runBatch(): void {}
}

/** Milliseconds between two looks at the journals of the workers. */
const LOOK_MS = 50;

describe.each(servers)('B40 batches on $kind', ({ kind, prepare }) => {
  const server = useServer(prepare);
  const entries = scaled(300, 5_000);
  const kills = scaled(3, 20);

  /** A process that enqueues: this one. The workers are others. */
  async function start() {
    const queueName = `batches-${randomUUID()}`;
    const { app, scopes } = await startContext({
      imports: [BullMqBackgroundTasksModule.forRoot({ ...server().options, queueName, worker: false })],
      providers: [WriteAuditHandler],
    });
    const backend = app.get(BullMqBackend);
    await until('the server is ready', () => backend.unavailableBecause === undefined);
    const enqueue = (count: number) =>
      scopes.run(({ tasks }) => Array.from({ length: count }, (_, n) => tasks.enqueue(WriteAudit, n).id));
    const workers: Child[] = [];
    const startWorker = (env: Record<string, string> = {}) => {
      const worker = startChild('batches', { env: { SERVER: server().url, QUEUE: queueName, ...env } });
      workers.push(worker);
      return worker;
    };
    const lines = (line: string) => workers.flatMap(({ journal }) => journal.of(line));
    return { enqueue, startWorker, lines, queue: backend.queueOf(WriteAudit) };
  }

  it(
    'lose nothing when their worker is killed in the middle of one',
    { timeout: scaled(120_000, 900_000) },
    async () => {
      const { enqueue, startWorker, lines, queue } = await start();
      const ids = await enqueue(entries);

      let worker = startWorker();
      for (let kill = 1; kill <= kills; kill++) {
        await until(
          'the next part of the entries is written',
          () =>
            new Set(lines('D')).size >= (entries * (kill - 1)) / (kills + 1) && lines('S').length > lines('D').length,
          LOOK_MS,
        );
        worker.kill('SIGKILL');
        await worker.exit;
        worker = startWorker();
      }
      await until('all are completed', async () => (await queue.getCompletedCount()) === entries, LOOK_MS);

      const done = lines('D');
      expect(new Set(done)).toEqual(new Set(ids));
      report(
        `${kind}: ${kills} SIGKILLs of a worker within a batch lost 0 of ${entries} entries; ` +
          `${lines('S').length - entries} were begun again, in ${lines('B').length} batches`,
      );
    },
  );

  it('are settled before their worker ends on SIGTERM: the one that runs, and what waits for the next', async () => {
    const { enqueue, startWorker, lines, queue } = await start();
    const worker = startWorker({ MAX_WAIT_MS: '60000', TAKES_MS: '500' });

    const ids = await enqueue(13);
    await worker.said('BATCH');
    await until('the worker holds all of them', async () => (await queue.getActiveCount()) === 13, LOOK_MS);
    worker.kill('SIGTERM');
    expect(await worker.exit).toEqual({ code: null, signal: 'SIGTERM' });

    expect(lines('B')).toEqual(['10', '3']);
    expect(lines('D').toSorted()).toEqual([...ids].toSorted());
    expect(await queue.getCompletedCount()).toBe(13);
  });
});
