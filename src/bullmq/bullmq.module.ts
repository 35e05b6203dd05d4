import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { NotRegisteredError } from '../errors/set-up-errors.js';
import { explainMissing, isProvided } from '../nest/missing-providers.js';
import { group, readOption } from '../options/checks.js';
import { TaskBackend } from '../contracts/task-backend.js';
import { TaskRegistry } from '../named/task-registry.js';
import { needsModule } from '../tasks/registration.js';
import { BullMqBackend, BullMqTaskBackend } from './bullmq.backend.js';
import {
  type BullMqModuleAsyncOptions,
  type BullMqModuleOptions,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
} from './bullmq.module-definition.js';
import { BullMqHealth } from './bullmq-health.js';
import { BullMqSchedules } from './bullmq-schedules.js';
import { BullMqTasks } from './bullmq-tasks.js';
import type { BullMqOptions } from './options/bullmq-options.js';
import { resolveBullMqOptions } from './options/resolve-bullmq-options.js';
import { DeclaredSchedules } from './schedules/declared-schedules.js';
import { openServer } from './server/open-server.js';
import { QueueServer } from './server/queue-server.js';
import { queueOfBatches } from './server/task-queues.js';

/**
 * Hands named tasks to BullMQ, on Redis or on PostgreSQL, and runs them in every process that has a worker. Import
 * `forRoot()` or `forRootAsync()` once, beside `BackgroundTasksModule`. The application also starts without the server,
 * and serves the requests that need no queue.
 */
@Module({
  providers: [
    {
      provide: QueueServer,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (options: BullMqOptions) => openServer(resolveBullMqOptions(options)),
    },
    BullMqTaskBackend,
    { provide: TaskBackend, useExisting: BullMqTaskBackend },
    { provide: BullMqBackend, useExisting: BullMqTaskBackend },
    BullMqHealth,
    BullMqSchedules,
    {
      provide: BullMqTasks,
      inject: [QueueServer, ModulesContainer],
      useFactory: (server: QueueServer, modules: ModulesContainer) =>
        new BullMqTasks(server, () => ownQueues(server, modules)),
    },
    DeclaredSchedules,
  ],
  exports: [BullMqBackend, BullMqHealth, BullMqSchedules, BullMqTasks],
})
export class BullMqBackgroundTasksModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationShutdown
{
  /** Registers the module with these options. @throws INVALID_OPTION, ALREADY_REGISTERED at start-up */
  static override forRoot(options: BullMqModuleOptions): DynamicModule {
    return readOption('options', options, () => super.forRoot(group('options', options) as BullMqModuleOptions));
  }

  /** Registers the module with options from `useFactory`, `useClass` or `useExisting`. @throws as `forRoot` */
  static override forRootAsync(options: BullMqModuleAsyncOptions): DynamicModule {
    return readOption('options', options, () => super.forRootAsync(group('options', options)));
  }

  constructor(
    @Inject(BullMqTaskBackend) private readonly backend: BullMqTaskBackend,
    @Inject(QueueServer) private readonly server: QueueServer,
  ) {
    super();
  }

  /** Connects. Not earlier, because an application that is never initialised is never closed. */
  async onModuleInit(): Promise<void> {
    await this.server.open();
  }

  /** Closes in the last hook, because earlier hooks, such as the drain, may enqueue tasks. */
  async onApplicationShutdown(): Promise<void> {
    await this.backend.close();
  }
}

/** The queues of the definitions that this application has a handler for and that run in batches. */
async function ownQueues({ options }: QueueServer, modules: ModulesContainer): Promise<string[]> {
  const registry = new TaskRegistry();
  registry.explore(modules);
  return [...registry.batches.keys()].map((name) => queueOfBatches(options.queueName, name));
}

const NAME = BullMqBackgroundTasksModule.name;
const REGISTRATION = `${NAME}.forRoot({ connection: 'redis://localhost:6379' })`;

explainMissing(
  MODULE_OPTIONS_TOKEN,
  () => new NotRegisteredError(`${NAME} is imported without forRoot()`, REGISTRATION),
);

for (const token of [BullMqBackend, BullMqHealth, BullMqSchedules, BullMqTasks]) {
  explainMissing(token, ({ dependent, modules }) => {
    // It is registered, and not global: the error of Nest names the module that has to import it.
    if (isProvided(modules, token)) return undefined;
    return new NotRegisteredError(`${dependent} injects ${token.name}, but ${NAME} is not registered`, REGISTRATION);
  });
}

// A queue that nothing uses, and a worker that never starts.
needsModule((modules) =>
  [...modules.values()].some(({ metatype }) => metatype === BullMqBackgroundTasksModule) ? NAME : undefined,
);
