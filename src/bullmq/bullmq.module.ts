import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { group } from '../options/checks.js';
import { TaskBackend } from '../contracts/task-backend.js';
import { BullMqBackend } from './bullmq.backend.js';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type OPTIONS_TYPE,
} from './bullmq.module-definition.js';
import { BullMqHealth } from './bullmq-health.js';
import { type BullMqOptions, type ResolvedBullMqOptions, resolveBullMqOptions } from './options/bullmq-options.js';
import { BullMqSchedules } from './bullmq-schedules.js';
import { JobServer } from './server/job-server.js';
import { openServer } from './server/open-server.js';

const RESOLVED_OPTIONS = Symbol('BullMqOptions');

/**
 * Hands named tasks to BullMQ, on Redis or on PostgreSQL, and runs them in every process that has a
 * worker. Import `forRoot()` or `forRootAsync()` once, beside `BackgroundTasksModule`.
 *
 * The application starts, and serves what needs no queue, whether or not the server is there.
 */
@Module({
  providers: [
    {
      provide: RESOLVED_OPTIONS,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (options: BullMqOptions) => resolveBullMqOptions(options),
    },
    { provide: JobServer, inject: [RESOLVED_OPTIONS], useFactory: openServer },
    {
      provide: BullMqBackend,
      inject: [JobServer, RESOLVED_OPTIONS],
      useFactory: (server: JobServer, options: ResolvedBullMqOptions) => new BullMqBackend(server, options),
    },
    { provide: TaskBackend, useExisting: BullMqBackend },
    {
      provide: BullMqHealth,
      inject: [BullMqBackend, JobServer],
      useFactory: (backend: BullMqBackend, server: JobServer) => new BullMqHealth(backend, server),
    },
    {
      provide: BullMqSchedules,
      inject: [BullMqBackend, RESOLVED_OPTIONS],
      useFactory: (backend: BullMqBackend, options: ResolvedBullMqOptions) => new BullMqSchedules(backend, options),
    },
  ],
  exports: [BullMqBackend, BullMqHealth, BullMqSchedules],
})
export class BullMqBackgroundTasksModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationShutdown
{
  /** Registers the module with these options. @throws INVALID_OPTION, ALREADY_REGISTERED at start-up */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    return super.forRoot(group('options', options) as typeof OPTIONS_TYPE);
  }

  /** Registers the module with options from `useFactory`, `useClass` or `useExisting`. @throws as `forRoot` */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }

  constructor(@Inject(BullMqBackend) private readonly backend: BullMqBackend) {
    super();
  }

  /** Not before: an application that is never initialised is never closed. */
  async onModuleInit(): Promise<void> {
    await this.backend.open();
  }

  /** After every drain and every other hook: whoever enqueued in one of those was heard. */
  async onApplicationShutdown(): Promise<void> {
    await this.backend.close();
  }
}
