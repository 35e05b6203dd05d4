import { BackgroundTasksModule, type BackgroundTasks, type TaskObserver } from '../../src/index.js';

declare const tasks: BackgroundTasks;

export const correctModuleOptions = () => [
  BackgroundTasksModule.forRoot(),
  BackgroundTasksModule.forRoot({}),
  BackgroundTasksModule.forRoot({ isGlobal: false, maxPending: Infinity, retry: { attempts: 2 } }),
  BackgroundTasksModule.forRootAsync({ useFactory: () => ({ shutdownTimeoutMs: 10_000 }) }),
  BackgroundTasksModule.forRootAsync({
    inject: [Settings],
    useFactory: async (settings: Settings) => ({ concurrency: await settings.concurrency() }),
  }),
  BackgroundTasksModule.forRootAsync({ useClass: SettingsFactory }),
  BackgroundTasksModule.forRootAsync({ useExisting: SettingsFactory, isGlobal: false }),
];

export const correctTaskOptions = (): BackgroundTasks[] => [
  tasks.with({}),
  tasks.with({ name: 'mail', runOn: 'failure', onAbort: 'skip', timeoutMs: 1_000, dedupe: 'keep-last' }),
  tasks.with({ retry: { attempts: 3, delayMs: 10, factor: 1, maxDelayMs: 100, jitter: 0 } }),
];

export function wrongModuleOptions(observer: TaskObserver): void {
  // @ts-expect-error -- misspelt
  BackgroundTasksModule.forRoot({ maxpending: 1 });
  // @ts-expect-error -- milliseconds are a number
  BackgroundTasksModule.forRoot({ timeoutMs: '30s' });
  // @ts-expect-error -- 'continue' or 'stop'
  BackgroundTasksModule.forRoot({ onTaskFailure: 'ignore' });
  // @ts-expect-error -- 'reject' or 'wait'
  BackgroundTasksModule.forRoot({ overflow: 'drop' });
  // @ts-expect-error -- absent, rather than undefined
  BackgroundTasksModule.forRoot({ concurrency: undefined });
  // @ts-expect-error -- an array of them
  BackgroundTasksModule.forRoot({ observers: observer });
  // @ts-expect-error -- an option of a task
  BackgroundTasksModule.forRoot({ runOn: 'always' });
  // @ts-expect-error -- options, not the name of an environment
  BackgroundTasksModule.forRoot('production');
  // @ts-expect-error -- a factory's result is checked like options
  BackgroundTasksModule.forRootAsync({ useFactory: () => ({ concurrency: 'two' }) });
  // @ts-expect-error -- the class makes no options
  BackgroundTasksModule.forRootAsync({ useClass: Settings });
}

export function wrongTaskOptions(): void {
  // @ts-expect-error -- misspelt
  tasks.with({ runon: 'always' });
  // @ts-expect-error -- 'success', 'failure' or 'always'
  tasks.with({ runOn: 'never' });
  // @ts-expect-error -- 'run' or 'skip'
  tasks.with({ onAbort: 'drop' });
  // @ts-expect-error -- milliseconds are a number
  tasks.with({ timeoutMs: '5s' });
  // @ts-expect-error -- a name is a string
  tasks.with({ name: Symbol('mail') });
  // @ts-expect-error -- an object that says how
  tasks.with({ retry: 3 });
  // @ts-expect-error -- misspelt
  tasks.with({ retry: { attempt: 3 } });
  // @ts-expect-error -- 'keep-last' or 'keep-first'
  tasks.with({ dedupe: true });
  // @ts-expect-error -- an option of the module
  tasks.with({ concurrency: 2 });
  // @ts-expect-error -- options are required
  tasks.with();
}

class Settings {
  concurrency(): Promise<number> {
    return Promise.resolve(2);
  }
}

class SettingsFactory {
  createBackgroundTasksOptions() {
    return { maxRunning: 4 };
  }
}
