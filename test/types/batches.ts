import { z } from 'zod';
import type { BullMqBackend } from '../../src/bullmq/index.js';
import {
  type BackgroundTasks,
  type BatchContext,
  BatchError,
  type BatchOptions,
  currentTask,
  defineTask,
  type Handles,
  type HandlesBatch,
  type TaskContext,
  TaskHandler,
} from '../../src/index.js';

declare const tasks: BackgroundTasks;
declare const backend: BullMqBackend;

interface Entry {
  readonly action: string;
}

const Audit = defineTask<Entry>({ name: 'audit', batch: { maxSize: 100, maxWaitMs: 200 }, timeoutMs: 5_000 });
const Counted = defineTask({
  name: 'counted',
  batch: { maxSize: 2, maxWaitMs: 0 },
  schema: z.object({ count: z.string().transform(Number) }),
});
const Alone = defineTask<Entry>({ name: 'alone' });

@TaskHandler(Audit)
export class AuditHandler implements HandlesBatch<typeof Audit> {
  async runBatch(entries: readonly Entry[]): Promise<void> {
    const failures = new Map<number, unknown>();
    await Promise.resolve(entries.map(({ action }) => action));
    if (failures.size > 0) throw new BatchError(failures);
  }
}

@TaskHandler(Counted)
export class CountedHandler implements HandlesBatch<typeof Counted> {
  runBatch(payloads: readonly { count: number }[]): number {
    return payloads.reduce((sum, { count }) => sum + count, 0);
  }
}

export const correct = [
  tasks.enqueue(Audit, { action: 'signed-in' }, { idempotencyKey: 'a' }),
  tasks.with({ runOn: 'always' }).enqueue(Counted, { count: '5' }),
  backend.queueOf(Audit),
  backend.queueOf(Counted),
  backend.queueOf(Alone),
];
export const options: BatchOptions = Audit.batch;
export const payloads: Parameters<HandlesBatch<typeof Audit>['runBatch']>[0] = Object.freeze([{ action: 'a' }]);
export const ofAnyTask: readonly TaskContext[] | undefined = currentTask().batch;
export const ids = (batch: BatchContext): string[] => batch.batch.map(({ id }) => id);
export const error = new BatchError([[0, new Error('no')]]);

export function wrong(): unknown {
  // @ts-expect-error the size is left out
  defineTask<Entry>({ name: 'a', batch: { maxWaitMs: 200 } });
  // @ts-expect-error no such option
  defineTask<Entry>({ name: 'a', batch: { maxSize: 1, maxWaitMs: 200, minSize: 1 } });
  // @ts-expect-error no Date in a payload
  defineTask<{ at: Date }>({ name: 'a', batch: { maxSize: 1, maxWaitMs: 200 } });
  // @ts-expect-error one payload, as with any task
  tasks.enqueue(Audit, [{ action: 'signed-in' }]);
  // @ts-expect-error indexes are numbers
  const text = new BatchError([['0', new Error('no')]]);
  // @ts-expect-error of which tasks?
  const none = new BatchError();
  return [text, none];
}

// @ts-expect-error it runs in batches, and has no runBatch()
@TaskHandler(Audit)
export class RunsAlone {
  run(_entry: Entry): void {}
}

// @ts-expect-error it runs alone, and has no run()
@TaskHandler(Alone)
export class RunsInBatches {
  runBatch(_entries: readonly Entry[]): void {}
}

// @ts-expect-error the payloads of another definition
@TaskHandler(Audit)
export class OtherPayloads {
  runBatch(_entries: readonly { readonly other: string }[]): void {}
}

// @ts-expect-error a definition with `batch` asks for HandlesBatch
export class WrongInterface implements Handles<typeof Audit> {}
