import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqOptions } from '../../src/bullmq/index.js';
import { defineTask, type TaskDefinition, TaskHandler } from '../../src/index.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { Timeline } from '../support/timeline.js';
import { until } from '../support/until.js';

/** The task as the version before had it, and as this one has it: an invoice has a currency now. */
const before = defineTask({ name: 'invoice', schema: z.object({ order: z.string() }) });
const now = defineTask({
  name: 'invoice',
  schema: z.object({ order: z.string(), currency: z.string().default('EUR') }),
});

describe.each(servers)('two versions of an application side by side on $kind', { timeout: 30_000 }, ({ prepare }) => {
  const server = useServer(prepare);

  /** Starts a version that works, or one that only enqueues. */
  async function start(definition: TaskDefinition, queueName: string, worker: BullMqOptions['worker'] = false) {
    const ran = new Timeline();
    @TaskHandler(definition)
    class InvoiceHandler {
      run(payload: unknown): void {
        ran.note(JSON.stringify(payload));
      }
    }
    const options = { ...server().options, queueName, worker } as BullMqOptions;
    const running = await startContext({
      imports: [BullMqBackgroundTasksModule.forRoot(options)],
      providers: [InvoiceHandler],
    });
    const backend = running.app.get(BullMqBackend);
    await until('the server is ready', () => backend.unavailableBecause === undefined);
    return { ...running, ran, backend };
  }

  it('the new one runs what the old one has enqueued, with what its schema adds', async () => {
    const queueName = randomUUID();
    const old = await start(before, queueName);
    await old.run((tasks) => tasks.enqueue(before, { order: '1' }));

    const { ran } = await start(now, queueName, { concurrency: 1 });
    await ran.until('{"order":"1","currency":"EUR"}');

    expect(ran.events).toHaveLength(1);
  });

  it('the old one, after a rollback, runs what the new one has enqueued, without what its schema does not know', async () => {
    const queueName = randomUUID();
    const fresh = await start(now, queueName);
    await fresh.run((tasks) => tasks.enqueue(now, { order: '1', currency: 'CHF' }));

    const { ran } = await start(before, queueName, { concurrency: 1 });
    await ran.until('{"order":"1"}');

    expect(ran.events).toHaveLength(1);
  });

  it('both read jobs in the form in which they are stored since the first version', async () => {
    const queueName = randomUUID();
    const { ran, backend } = await start(now, queueName, { concurrency: 1 });

    await backend.queue.add(
      'invoice',
      { v: 1, name: 'invoice', id: randomUUID(), payload: { order: 'stored' }, context: {} },
      { jobId: 'stored' },
    );
    await ran.until('{"order":"stored","currency":"EUR"}');

    expect(ran.events).toHaveLength(1);
  });

  it('store jobs in that form', async () => {
    const queueName = randomUUID();
    const { run, backend } = await start(now, queueName);

    const { id } = await run((tasks) => tasks.enqueue(now, { order: '1' }));

    const [job] = await backend.queue.getWaiting();
    expect(job!.data).toEqual({ v: 1, name: 'invoice', id, payload: { order: '1' }, context: {} });
    expect(job!.id).toBe(`t${id}`);
  });
});
