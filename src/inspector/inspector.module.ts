import { type DynamicModule, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { TaskObservers } from '../contracts/task-observers.js';
import { NotRegisteredError } from '../errors/set-up-errors.js';
import { explainMissing } from '../nest/missing-providers.js';
import { group, readOption } from '../options/checks.js';
import { RequestScopes } from '../scope/request-scopes.js';
import { BackgroundTasksHost } from '../shutdown/background-tasks-host.js';
import { Gauges } from './gauges.js';
import { InspectorSettings } from './inspector-options.js';
import {
  ConfigurableModuleClass,
  type InspectorModuleAsyncOptions,
  MODULE_OPTIONS_TOKEN,
  type OPTIONS_TYPE,
} from './inspector.module-definition.js';
import { LiveStreams } from './live-streams.js';
import { OwnRoutes } from './own-routes.js';
import { RecentScopes } from './recent-scopes.js';
import { Recorder } from './recorder.js';
import { TaskLookups } from './task-lookups.js';
import { traceIdsOf } from './trace-ids.js';

/**
 * Serves a page that shows the latest requests, messages and units of work: their handler, their response, their tasks
 * and their resources. Import `forRoot()` or `forRootAsync()` once, beside `BackgroundTasksModule.forRoot()`.
 *
 * It answers `GET` only, and only those whom `authorize` lets in. It keeps names, ids, moments and the text of errors:
 * no payload, argument or header.
 */
@Module({
  providers: [
    {
      provide: InspectorSettings,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (options: unknown) => new InspectorSettings(options),
    },
    {
      provide: RecentScopes,
      inject: [InspectorSettings],
      useFactory: ({ capacity }: InspectorSettings) => new RecentScopes(capacity),
    },
    {
      provide: Gauges,
      inject: [RequestScopes, BackgroundTasksHost],
      useFactory: ({ engine }: RequestScopes, host: BackgroundTasksHost) => new Gauges(engine, host),
    },
    {
      provide: Recorder,
      inject: [RecentScopes, Gauges, OwnRoutes, RequestScopes],
      useFactory: (scopes: RecentScopes, gauges: Gauges, own: OwnRoutes, { engine }: RequestScopes) =>
        new Recorder(scopes, gauges, own, traceIdsOf(engine.options.tracing)),
    },
    OwnRoutes,
    LiveStreams,
    TaskLookups,
  ],
})
export class BackgroundTasksInspectorModule extends ConfigurableModuleClass implements OnModuleInit {
  /** Registers the page with these options. @throws INVALID_OPTION at start-up */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    // Nest would read an array or a string as options that are all absent.
    return readOption('options', options, () => super.forRoot(group('options', options) as typeof OPTIONS_TYPE));
  }

  /** Registers the page with options from `useFactory`, `useClass` or `useExisting`. @throws as `forRoot` */
  static override forRootAsync(options: InspectorModuleAsyncOptions): DynamicModule {
    return readOption('options', options, () => super.forRootAsync(group('options', options)));
  }

  constructor(
    @Inject(TaskObservers) private readonly observers: TaskObservers,
    @Inject(Recorder) private readonly recorder: Recorder,
    @Inject(LiveStreams) private readonly streams: LiveStreams,
  ) {
    super();
  }

  onModuleInit(): void {
    this.observers.add(this.recorder);
    // An open stream would hold the shutdown up.
    this.observers.add({ drainBegun: () => this.streams.end() });
  }
}

explainMissing(MODULE_OPTIONS_TOKEN, () => {
  const problem = 'BackgroundTasksInspectorModule is imported without forRoot()';
  return new NotRegisteredError(problem, 'BackgroundTasksInspectorModule.forRoot({ authorize })');
});
