import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, BatchError, defineTask, type TaskDefinition, TaskHandler } from '../../src/index.js';
import { z } from 'zod';
import { type Advice, follow, inHandler, works } from '../support/advice.js';
import { MemoryBackend } from '../support/memory-backend.js';
import { type Platform, platforms } from '../support/platforms.js';

const Report = defineTask<unknown>({ name: 'report' });
const ran: unknown[] = [];
@TaskHandler(Report)
class ReportHandler {
  run(payload: unknown) {
    ran.push(payload);
  }
}

const Invoice = defineTask({ name: 'invoice', schema: z.object({ orderId: z.string() }) });
@TaskHandler(Invoice)
class InvoiceHandler {
  run() {}
}

const Audit = defineTask<string>({ name: 'audit', batch: { maxSize: 2, maxWaitMs: 0 } });
const Alone = defineTask<string>({ name: 'audit' });

/** Starts an application with a handler that has none of the types to check it. */
async function handle(platform: Platform, definition: TaskDefinition, methods: object): Promise<void> {
  class AuditHandler {}
  Object.assign(AuditHandler.prototype, methods);
  TaskHandler(definition)(AuditHandler as never);
  await inHandler(platform, (tasks) => tasks.enqueue(definition, 'signed in'), { providers: [AuditHandler] });
}

const advice: readonly Advice<Platform>[] = [
  {
    code: 'WRONG_HANDLER',
    fix: 'Give it "runBatch(payloads)"',
    apply: (isFixed, platform) => handle(platform, Audit, isFixed ? { runBatch() {} } : { run() {} }),
  },
  {
    code: 'WRONG_HANDLER',
    fix: 'or take "batch" out of the definition',
    apply: (isFixed, platform) => handle(platform, isFixed ? Alone : Audit, { run() {} }),
  },
  {
    code: 'WRONG_HANDLER',
    fix: 'Give it "run(payload)"',
    apply: (isFixed, platform) => handle(platform, Alone, isFixed ? { run() {} } : { runBatch() {} }),
  },
  {
    code: 'WRONG_HANDLER',
    fix: 'or add "batch" to the definition',
    apply: (isFixed, platform) => handle(platform, isFixed ? Audit : Alone, { runBatch() {} }),
  },
  {
    code: 'BATCH',
    fix: 'Look at "failures" for the error of each',
    apply: async (isFixed, platform) => {
      const thrown = new BatchError([[0, new Error('too long')]]);
      const runBatch = () => {
        throw thrown;
      };
      // Outside a batch nobody reads it.
      if (!isFixed) runBatch();
      await expect(handle(platform, Audit, { runBatch })).rejects.toMatchObject({ code: 'TASKS_FAILED' });
      expect([...thrown.failures]).toEqual([[0, new Error('too long')]]);
    },
  },
  {
    code: 'UNKNOWN_TASK',
    fix: 'Add a class with @TaskHandler() for its definition to the providers of a module',
    apply: (isFixed, platform) =>
      inHandler(platform, (tasks) => tasks.enqueue(Report, 'monthly'), { providers: isFixed ? [ReportHandler] : [] }),
  },
  {
    code: 'UNKNOWN_TASK',
    fix: 'in processes that only enqueue it as well',
    apply: async (isFixed, platform) => {
      const backend = new MemoryBackend();
      const providers = isFixed ? [ReportHandler] : [];
      await inHandler(platform, (tasks) => tasks.enqueue(Report, 'monthly'), { providers, options: { backend } });
      expect(backend.names).toEqual([['report']]);
    },
  },
  {
    code: 'UNKNOWN_TASK',
    fix: 'Enqueue the definition that @TaskHandler() names',
    apply: (isFixed, platform) => {
      const copy = defineTask<unknown>({ name: 'report' });
      const providers = [ReportHandler];
      return inHandler(platform, (tasks) => tasks.enqueue(isFixed ? Report : copy, 'monthly'), { providers });
    },
  },
  {
    code: 'UNKNOWN_TASK',
    fix: 'give this one a name and a handler of its own',
    apply: (isFixed, platform) => {
      const other = defineTask<unknown>({ name: isFixed ? 'yearly-report' : 'report' });
      @TaskHandler(other)
      class OtherHandler {
        run() {}
      }
      const providers = isFixed ? [ReportHandler, OtherHandler] : [ReportHandler];
      return inHandler(platform, (tasks) => tasks.enqueue(other, 'monthly'), { providers });
    },
  },
  ...payloads([
    { fix: 'Give plain JSON.', wrong: { at: new Date(0) }, right: { at: new Date(0).toISOString() } },
    { fix: 'In place of large data, give an id.', wrong: 'x'.repeat(70_000), right: { path: 'reports/1.csv' } },
  ]),
  {
    code: 'INVALID_PAYLOAD',
    fix: 'Give what the schema takes.',
    apply: (isFixed, platform) => {
      const orderId = (isFixed ? 'A-1' : 1) as string;
      return inHandler(platform, (tasks) => tasks.enqueue(Invoice, { orderId }), { providers: [InvoiceHandler] });
    },
  },
  {
    code: 'BACKEND_UNAVAILABLE',
    fix: 'Try again later, with the same idempotency key.',
    apply: async (isFixed, platform) => {
      const backend = new MemoryBackend();
      const enqueue = (tasks: BackgroundTasks) => tasks.enqueue(Report, 'monthly', { idempotencyKey: 'order-1' });
      const settings = { providers: [ReportHandler], options: { backend } };
      backend.isReady = false;
      const first = inHandler(platform, enqueue, settings);
      if (!isFixed) {
        await first;
        return;
      }
      await expect(first).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
      backend.isReady = true;
      await inHandler(platform, enqueue, settings);
      expect(backend.batches.flat().map(({ idempotencyKey }) => idempotencyKey)).toEqual(['order-1']);
    },
  },
  {
    code: 'GROUPS_UNSUPPORTED',
    fix: 'or no backend',
    apply: async (isFixed, platform) => {
      const group = (tasks: BackgroundTasks) => tasks.enqueueGroup([], { then: Report, payload: 'group' });
      const options = isFixed ? {} : { backend: new MemoryBackend() };
      await inHandler(platform, group, { providers: [ReportHandler], options });
      expect(ran.at(-1)).toBe('group');
    },
  },
];

describe.each(platforms)('what an error about a named task advises works on $name:', (platform) => {
  it.each(advice)('$code: $fix', async (one) => {
    expect(await follow(one, platform)).toEqual(works(one));
  });
});

/** A payload is refused with its path and the reason, which say what to give in its place. */
function payloads(rows: readonly { fix: string; wrong: unknown; right: unknown }[]): Advice<Platform>[] {
  return rows.map(({ fix, wrong, right }) => ({
    code: 'INVALID_PAYLOAD',
    fix,
    apply: async (isFixed, platform) => {
      const payload = isFixed ? right : wrong;
      await inHandler(platform, (tasks) => tasks.enqueue(Report, payload), { providers: [ReportHandler] });
      expect(ran.at(-1)).toEqual(payload);
    },
  }));
}
