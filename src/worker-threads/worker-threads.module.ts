import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { group } from '../options/checks.js';
import { sharedThreads, type ThreadLease } from './shared-threads.js';
import { logCancelled } from './thread-log.js';
import {
  type ResolvedWorkerThreadsOptions,
  resolveWorkerThreadsOptions,
  type WorkerThreadsModuleOptions,
} from './worker-threads-options.js';
import {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type OPTIONS_TYPE,
  type WorkerThreadsModuleAsyncOptions,
} from './worker-threads.module-definition.js';

/**
 * Says what the threads of the process may use, and ends them with the application. Import
 * `forRoot()` or `forRootAsync()` once, in the root module. Without it `threadTask()` works all the
 * same, with the defaults; its threads then end with the process, or when they are idle.
 *
 * Applications of one process share the threads, and must want the same options. The last to close
 * ends them, after the background tasks and the server of that application: a call that still runs
 * then is stopped with `THREAD_CANCELLED`, and named in one log line.
 */
@Module({})
export class WorkerThreadsModule extends ConfigurableModuleClass implements OnModuleInit, OnApplicationShutdown {
  /** Registers the module with these options. @throws INVALID_OPTION, THREAD_OPTIONS_DIFFER at start-up */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    // Nest would read an array, or a string, as options that are all absent.
    return super.forRoot(group('options', options));
  }

  /** Registers the module with options from `useFactory`, `useClass` or `useExisting`. @throws as `forRoot` */
  static override forRootAsync(options: WorkerThreadsModuleAsyncOptions): DynamicModule {
    return super.forRootAsync(options);
  }

  readonly #options: ResolvedWorkerThreadsOptions;
  #lease: ThreadLease | undefined;

  constructor(@Inject(MODULE_OPTIONS_TOKEN) options: WorkerThreadsModuleOptions) {
    super();
    this.#options = resolveWorkerThreadsOptions(options);
  }

  /** Not before: an application that is never initialised is never closed. */
  onModuleInit(): void {
    this.#lease = sharedThreads.lease(this.#options);
  }

  /** After every other hook: whoever called a thread in one of those has its answer. */
  async onApplicationShutdown(): Promise<void> {
    logCancelled((await this.#lease?.release()) ?? []);
  }
}
