import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule } from '../../src/bullmq/index.js';
import { defineTask, type HandlesBatch, TaskHandler, TaskReports } from '../../src/index.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { useTimeline } from '../support/timeline.js';
import { until } from '../support/until.js';

const Audit = defineTask<string>({ name: 'audit', batch: { maxSize: 10, maxWaitMs: 3_000 } });
const timeline = useTimeline();

@TaskHandler(Audit)
class AuditHandler implements HandlesBatch<typeof Audit> {
  runBatch(entries: readonly string[]): void {
    timeline.note(entries.join());
  }
}

describe.each(servers)('a task that is cancelled while it waits for its batch on $kind', ({ prepare }) => {
  const server = useServer(prepare);

  it('is not in the batch, in which the others run', async () => {
    const options = { ...server().options, queueName: `test-${randomUUID()}` };
    const { app, run } = await startContext({
      imports: [BullMqBackgroundTasksModule.forRoot(options)],
      providers: [AuditHandler],
    });
    const backend = app.get(BullMqBackend);
    await until('the server is ready', () => backend.unavailableBecause === undefined);
    const [first, second] = await run((tasks) => ['a', 'b'].map((entry) => tasks.enqueue(Audit, entry).id));
    await until('the worker holds both', async () => (await backend.queueOf(Audit).getActiveCount()) === 2);

    const answer = await app.get(TaskReports).cancel(first!);
    await timeline.until('b');

    expect(answer).toBe('requested');
    await until('it has ended', async () => (await app.get(TaskReports).find(first!))!.state === 'cancelled');
    await until('the other has ended', async () => (await app.get(TaskReports).find(second!))!.state === 'succeeded');
    expect(timeline.events).toEqual(['b']);
  });
});
