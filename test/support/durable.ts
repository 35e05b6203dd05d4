import { type INestApplicationContext, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { BullMqTaskBackend } from '../../src/bullmq/bullmq.backend.js';
import {
  BullMqBackgroundTasksModule,
  type BullMqOptions,
  type BullMqTaskSettings,
  type BullMqWorkerOptions,
} from '../../src/bullmq/index.js';
import type { BatchOptions } from '../../src/contracts/batch-options.js';
import type { TaskEnvelope } from '../../src/contracts/task-envelope.js';
import type { TaskReport } from '../../src/contracts/task-report.js';
import type {
  EnqueuedTask,
  NamedTaskAttempt,
  NamedTaskResult,
  NamedTaskRunner,
} from '../../src/contracts/task-backend.js';
import { BackgroundTasks } from '../../src/index.js';
import { RecordingBackgroundTasks } from '../../src/testing/index.js';
import { RecordedLogs } from './recorded-logs.js';
import type { TestServer } from './test-server.js';
import { Timeline } from './timeline.js';
import { until } from './until.js';

/** What a handler of a test returns: nothing for a success. */
type Handled = undefined | void | Partial<NamedTaskResult>;
type Handler = (envelope: TaskEnvelope, attempt: NamedTaskAttempt) => Handled | Promise<Handled>;

/** Runs the handlers of a test, and knows what it ran. */
export class RecordedRunner implements NamedTaskRunner {
  readonly runs: { readonly envelope: TaskEnvelope; readonly attempt: number }[] = [];
  /** The moments at which they began, by the clock. */
  readonly beganAt: number[] = [];
  readonly #handlers = new Map<string, Handler>();
  readonly #timeline = new Timeline();

  handle(name: string, handler: Handler = () => undefined): this {
    this.#handlers.set(name, handler);
    return this;
  }

  readonly batches = new Map<string, BatchOptions>();

  get names(): ReadonlySet<string> {
    return new Set(this.#handlers.keys());
  }

  async run(envelope: TaskEnvelope, attempt: NamedTaskAttempt): Promise<NamedTaskResult> {
    const startedAt = performance.now();
    this.runs.push({ envelope, attempt: attempt.number });
    this.beganAt.push(Date.now());
    this.#timeline.note('run');
    const { id, name } = envelope;
    const report = (rest: Pick<TaskReport, 'state'> & Partial<TaskReport>): TaskReport => ({
      id,
      name,
      attempts: attempt.number,
      durationMs: performance.now() - startedAt,
      ...rest,
    });
    try {
      const result = await this.#handlers.get(name)!(envelope, attempt);
      return { report: report({ state: 'succeeded' }), interruptedByShutdown: false, ...result };
    } catch (error) {
      return { report: report({ state: 'failed', error }), interruptedByShutdown: false };
    }
  }

  readonly cancelled: string[] = [];

  cancel(id: string): void {
    this.cancelled.push(id);
  }

  /** Resolves once so many runs have begun. */
  ran(count: number): Promise<void> {
    return this.#timeline.until('run', count);
  }
}

export interface DurableApp {
  readonly app: INestApplicationContext;
  readonly backend: BullMqTaskBackend;
  readonly logs: RecordedLogs;
  readonly queueName: string;
}

interface DurableOptions {
  readonly server: Pick<TestServer, 'options'>;
  readonly queueName?: string;
  readonly worker?: BullMqWorkerOptions | false;
  readonly options?: Partial<BullMqOptions>;
  readonly runner?: NamedTaskRunner;
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  readonly providers?: NonNullable<ModuleMetadata['providers']>;
}

/** An application with the BullMQ module, and a runner of the test's own in place of the core's. Closed when the test ends. */
export async function startDurable({
  server,
  queueName = `test-${randomUUID()}`,
  worker = false,
  options,
  runner,
  imports = [],
  providers = [],
}: DurableOptions): Promise<DurableApp> {
  const bullMq = BullMqBackgroundTasksModule.forRoot({
    ...server.options,
    queueName,
    worker,
    ...options,
  } as BullMqOptions);
  // In place of BackgroundTasksModule, which would start the backend with the handlers of this application.
  const tasks = { provide: BackgroundTasks, useValue: new RecordingBackgroundTasks() };
  @Module({ imports: [bullMq, ...imports], providers: [tasks, ...providers] })
  class AppModule {}
  const logs = new RecordedLogs();
  const app = await NestFactory.createApplicationContext(AppModule, { logger: logs, abortOnError: false });
  onTestFinished(() => app.close());
  const backend = app.get(BullMqTaskBackend);
  if (runner) await backend.start(runner);
  return { app, backend, logs, queueName };
}

export function untilReady({ backend }: Pick<DurableApp, 'backend'>): Promise<void> {
  return until('the server is ready', () => backend.unavailableBecause === undefined);
}

/** A task as the core hands it over. */
export function enqueued(name: string, { payload = {}, settings, ...rest }: Partial<TestTask> = {}): EnqueuedTask {
  return {
    envelope: { v: 1, name, id: randomUUID(), payload, context: {} },
    idempotencyKey: undefined,
    retry: undefined,
    settings: settings ? { bullmq: settings } : {},
    runHere: () => undefined,
    ...rest,
  };
}

interface TestTask extends Omit<EnqueuedTask, 'settings'> {
  readonly payload: TaskEnvelope['payload'];
  readonly settings: BullMqTaskSettings;
}
