import {
  type BullMqBackend,
  BullMqBackgroundTasksModule,
  type BullMqHealth,
  type BullMqModuleAsyncOptions,
  type BullMqModuleOptions,
  type BullMqOptions,
  type BullMqOptionsFactory,
  type BullMqSchedules,
  type BullMqTasks,
  migrateBullMq,
  Scheduled,
} from '../../src/bullmq/index.js';
import { type BackendSettings, defineTask } from '../../src/index.js';

const Report = defineTask<{ kind: string }>({ name: 'report', bullmq: { priority: 5 } });

class Settings implements BullMqOptionsFactory {
  createBullMqOptions(): BullMqOptions {
    return { connection: 'redis://localhost' };
  }
}

declare const backend: BullMqBackend;
declare const health: BullMqHealth;
declare const schedules: BullMqSchedules;
declare const tasks: BullMqTasks;

export const correct = () => [
  BullMqBackgroundTasksModule.forRoot({ connection: 'redis://localhost', queueName: 'tasks', worker: false }),
  BullMqBackgroundTasksModule.forRoot({
    connection: { host: 'localhost', port: 6379 },
    prefix: 'shop',
    isGlobal: false,
  }),
  BullMqBackgroundTasksModule.forRoot({
    postgres: 'postgresql://localhost/tasks',
    migrate: true,
    worker: { concurrency: 5 },
  }),
  BullMqBackgroundTasksModule.forRootAsync({ useFactory: () => ({ connection: 'redis://localhost' }) }),
  BullMqBackgroundTasksModule.forRootAsync({ useClass: Settings, isGlobal: false }),
  { useExisting: Settings } satisfies BullMqModuleAsyncOptions,
  { postgres: 'postgresql://localhost/tasks', isGlobal: true } satisfies BullMqModuleOptions,
  {
    bullmq: { delay: 1_000, priority: 1, attempts: 5, backoff: { type: 'fixed', delay: 10 } },
  } satisfies BackendSettings,
];

export async function correctCalls(): Promise<void> {
  const reason: string | undefined = backend.unavailableBecause;
  if (reason === undefined) await backend.queue.getJobCounts();
  const { status } = await health.check();
  status satisfies 'up' | 'degraded' | 'down';
  await schedules.set('nightly', Report, { kind: 'daily' }, { pattern: '0 3 * * *', tz: 'Europe/Vienna' });
  await migrateBullMq('postgresql://localhost/tasks');
}

export async function correctOperations(): Promise<void> {
  const [row] = await tasks.list({ state: 'failed', name: 'report', limit: 10, offset: 10 });
  (await tasks.retry(row!.id)) satisfies number;
  await tasks.retry({});
  await tasks.discard({ state: 'delayed', name: 'report' });
  (await schedules.list()) satisfies readonly { readonly id: string }[];
  Scheduled({ every: 60_000, id: 'often', payload: { kind: 'daily' } });
  Scheduled({ pattern: '0 3 * * *', tz: 'Europe/Vienna' });
}

export function wrong(): void {
  // @ts-expect-error -- a schedule needs its times
  Scheduled({});
  // @ts-expect-error -- of one kind
  Scheduled({ every: 60_000, pattern: '0 3 * * *' });
  // @ts-expect-error -- an interval has no time zone
  Scheduled({ every: 60_000, tz: 'Europe/Vienna' });
  // @ts-expect-error -- which tasks are removed has to be said
  void tasks.discard({});
  // @ts-expect-error -- what runs is not removed
  void tasks.discard({ state: 'running' });
  // @ts-expect-error -- only failed tasks run again
  void tasks.retry({ state: 'waiting' });
  // @ts-expect-error -- tasks are enqueued through BackgroundTasks
  void backend.accept([]);
  // @ts-expect-error -- the method is called createBullMqOptions
  BullMqBackgroundTasksModule.forRootAsync({ useClass: class Other {} });
  // @ts-expect-error -- one server or the other
  BullMqBackgroundTasksModule.forRoot({ connection: 'redis://localhost', postgres: 'postgresql://localhost' });
  // @ts-expect-error -- no server
  BullMqBackgroundTasksModule.forRoot({ queueName: 'tasks' });
  // @ts-expect-error -- Redis has no schema
  BullMqBackgroundTasksModule.forRoot({ connection: 'redis://localhost', migrate: true });
  // @ts-expect-error -- PostgreSQL has no keys
  BullMqBackgroundTasksModule.forRoot({ postgres: 'postgresql://localhost', prefix: 'shop' });
  // @ts-expect-error -- a worker is described, or it is false
  BullMqBackgroundTasksModule.forRoot({ connection: 'redis://localhost', worker: true });
  // @ts-expect-error -- misspelt
  BullMqBackgroundTasksModule.forRoot({ connection: 'redis://localhost', worker: { concurency: 1 } });
  // @ts-expect-error -- the id of a job is ours
  ({ bullmq: { jobId: 'mine' } }) satisfies BackendSettings;
}
