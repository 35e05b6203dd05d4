import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqOptions } from '../../src/bullmq/index.js';
import {
  type BackgroundTasks,
  currentTask,
  defineTask,
  type EnqueueOptions,
  type Handles,
  type NamedTaskReport,
  TaskHandler,
  TaskReports,
} from '../../src/index.js';
import { deferred } from './deferred.js';
import { type RunningContext, startContext } from './start-context.js';
import type { TestServer } from './test-server.js';
import { Timeline } from './timeline.js';
import { until } from './until.js';

/** A task that does what its payload says. */
export const Export = defineTask<{ act: string }>({ name: 'export', retry: { attempts: 2, delayMs: 50, jitter: 0 } });

/** A task whose second attempt is an hour after the first. */
export const Patient = defineTask({ name: 'patient', retry: { attempts: 3, delayMs: 3_600_000, jitter: 0 } });

/** What the handlers did, and what those that hold wait for. */
@Injectable()
export class Exports extends Timeline {
  readonly held = deferred();
  returned: unknown = { rows: 3 };
}

class QuotaError extends Error {
  override readonly name = 'QuotaError';
  readonly code = 'QUOTA';
}

@TaskHandler(Export)
export class ExportHandler implements Handles<typeof Export> {
  constructor(private readonly exports: Exports) {}

  async run({ act }: { act: string }): Promise<unknown> {
    const { attempt, signal } = currentTask();
    this.exports.note(`${act} ${attempt}`);
    if (act === 'fail') throw new QuotaError('no more rows');
    if (act === 'progress') for (const value of [10, { done: 2, of: 3 }]) currentTask().progress(value);
    if (act === 'hold' || act === 'progress') {
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
      await Promise.race([this.exports.held.promise, aborted]);
    }
    if (act === 'stubborn') await this.exports.held.promise;
    return this.exports.returned;
  }
}

@TaskHandler(Patient)
class PatientHandler implements Handles<typeof Patient> {
  constructor(private readonly exports: Exports) {}

  run(): void {
    this.exports.note('patient');
    throw new Error('not yet');
  }
}

/** Two applications that share a queue, or one that does without. */
export interface ReportedApps {
  readonly exports: Exports;
  /** Of the application that enqueues. */
  readonly reports: TaskReports;
  readonly web: RunningContext;
  /** The one that runs the handlers. The same one without a server. */
  readonly worker: RunningContext;
  readonly enqueue: (act: string, options?: EnqueueOptions) => Promise<string>;
  readonly enqueuePatient: () => Promise<string>;
  /** Enqueues them in one unit of work: in this process they run one after another. */
  readonly enqueueAll: (...acts: string[]) => Promise<string[]>;
  /** Resolves with the report once it has ended. */
  readonly ended: (id: string) => Promise<NamedTaskReport>;
}

export async function startReported(
  server?: TestServer,
  { options = {}, keepReports = 100, hasWorker = true, concurrency = 10 }: Settings = {},
): Promise<ReportedApps> {
  const exports = new Exports();
  const providers = [{ provide: Exports, useValue: exports }, ExportHandler, PatientHandler];
  const queueName = `reports-${randomUUID()}`;
  const start = async (worker: BullMqOptions['worker']): Promise<RunningContext> => {
    const imports = server
      ? [BullMqBackgroundTasksModule.forRoot({ ...server.options, queueName, worker, ...options } as BullMqOptions)]
      : [];
    const running = await startContext({ imports, providers, options: { keepReports } });
    const backend = server && running.app.get(BullMqBackend);
    if (backend) await until('the server is ready', () => backend.unavailableBecause === undefined);
    return running;
  };
  const web = await start(false);
  const worker = server && hasWorker ? await start({ concurrency }) : web;
  // Or what holds would keep the application open.
  onTestFinished(() => exports.held.resolve());
  const reports = web.app.get(TaskReports);
  const enqueued = async <T>(add: (tasks: BackgroundTasks) => T): Promise<T> => {
    const added = deferred<T>();
    const ran = web.run((tasks) => added.resolve(add(tasks)));
    // Without a backend, the end of the unit of work is that of its tasks.
    if (server) await ran;
    else ran.catch((error: unknown) => added.reject(error));
    return added.promise;
  };
  return {
    exports,
    reports,
    web,
    worker,
    enqueue: (act, enqueueOptions) => enqueued((tasks) => tasks.enqueue(Export, { act }, enqueueOptions).id),
    enqueuePatient: () => enqueued((tasks) => tasks.enqueue(Patient, {}).id),
    enqueueAll: (...acts) => enqueued((tasks) => acts.map((act) => tasks.enqueue(Export, { act }).id)),
    ended: async (id) => {
      let last: NamedTaskReport | undefined;
      await until(`task ${id} has ended`, async () => {
        last = await reports.find(id);
        return last?.endedAt !== undefined;
      });
      return last!;
    },
  };
}

interface Settings {
  readonly options?: Partial<BullMqOptions>;
  readonly keepReports?: number;
  readonly hasWorker?: boolean;
  readonly concurrency?: number;
}
