import {
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { NotRegisteredError } from '../errors/set-up-errors.js';
import { writeLine } from '../execution/log-line.js';
import { explainMissing } from '../nest/missing-providers.js';
import { group, readOption } from '../options/checks.js';
import { sharedThreads } from './shared-threads.js';
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
 * Sets the limits of the threads, and ends them with the application. Import `forRoot()` or `forRootAsync()` once, in
 * the root module. `threadTask()` also works without this module, with the defaults: its threads then end when they
 * are idle, or with the process.
 *
 * The applications of one process share the threads, so they need the same options. The last one to close ends the
 * threads, after its background tasks and its server. A call that still runs then rejects with `THREAD_CANCELLED`,
 * and one log line names it.
 */
@Module({})
export class WorkerThreadsModule extends ConfigurableModuleClass implements OnModuleInit, OnApplicationShutdown {
  /** Registers the module with these options. @throws INVALID_OPTION, THREAD_OPTIONS_DIFFER at start-up */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    // Nest would read an array or a string as options that are all absent.
    return readOption('options', options, () => super.forRoot(group('options', options)));
  }

  /** Registers the module with options from `useFactory`, `useClass` or `useExisting`. @throws as `forRoot` */
  static override forRootAsync(options: WorkerThreadsModuleAsyncOptions): DynamicModule {
    return readOption('options', options, () => super.forRootAsync(group('options', options)));
  }

  readonly #options: ResolvedWorkerThreadsOptions;

  constructor(@Inject(MODULE_OPTIONS_TOKEN) options: WorkerThreadsModuleOptions) {
    super();
    this.#options = resolveWorkerThreadsOptions(options);
  }

  /** Takes the threads. Not in the constructor, because an application that is never initialised is never closed. */
  onModuleInit(): void {
    sharedThreads.acquire(this, this.#options);
  }

  /** Releases the threads in the last hook, so that the hooks of other modules can still use them. */
  async onApplicationShutdown(): Promise<void> {
    const names = await sharedThreads.release(this);
    if (names.length === 0) return;
    const list = names.map((name) => `"${name}"`).join(', ');
    const line = `Shutdown stopped ${names.length} thread function(s): ${list}.`;
    writeLine(new Logger('WorkerThreads'), 'warn', line);
  }
}

explainMissing(MODULE_OPTIONS_TOKEN, () => {
  const problem = 'WorkerThreadsModule is imported without forRoot()';
  return new NotRegisteredError(problem, 'WorkerThreadsModule.forRoot()');
});
