import {
  type DynamicModule,
  Inject,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
  Scope,
} from '@nestjs/common';
import { HttpAdapterHost, LazyModuleLoader, ModuleRef, ModulesContainer } from '@nestjs/core';
import type { Server } from 'node:http';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type OPTIONS_TYPE,
} from './background-tasks.module-definition.js';
import { AlreadyRegisteredError, OutsideScopeError } from './errors/errors.js';
import { TaskEngine } from './execution/task-engine.js';
import { HandlerResources } from './http/handler-resources.js';
import { HttpExchanges, onException, onFilter } from './http/http-exchanges.js';
import { listenToExceptions } from './nest/exceptions.js';
import { markSendingHandlers } from './nest/handlers.js';
import { hookAdapter } from './nest/http-adapter.js';
import { contextIdOf, type InstanceWrapper, resolveInContext } from './nest/injector.js';
import { supplyInstances } from './nest/instances.js';
import { afterLazyLoading, closeFirst, type Module as NestModuleRef } from './nest/modules.js';
import { assertSupportedNest } from './nest/supported-nest.js';
import { group } from './options/checks.js';
import { type BackgroundTasksModuleOptions, resolveModuleOptions } from './options/module-options.js';
import { HandlerRuns } from './scope/handler-runs.js';
import { RequestScopes } from './scope/request-scopes.js';
import { TaskScopes } from './scope/task-scopes.js';
import { BackgroundTasksHost } from './shutdown/background-tasks-host.js';
import { HttpConnections } from './shutdown/http-connections.js';
import { BackgroundTasksRef } from './tasks/ambient.js';
import { BackgroundTasks } from './tasks/background-tasks.js';
import { NamedTasks } from './tasks/named-tasks.js';
import { TaskBackends } from './tasks/task-backend.js';

/** Only told from what a test puts in its place: the injector is given the instances, and never calls it. */
const suppliedTasks = (): never => {
  throw new OutsideScopeError('BackgroundTasks');
};

/**
 * Runs background tasks after the response, then disposes of what the request created. Import
 * `forRoot()` or `forRootAsync()` once, in the root module; it is global unless told otherwise.
 */
@Module({
  providers: [
    {
      provide: TaskEngine,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (options: BackgroundTasksModuleOptions) => new TaskEngine(resolveModuleOptions(options)),
    },
    {
      provide: NamedTasks,
      inject: [TaskEngine],
      useFactory: ({ options }: TaskEngine) => new NamedTasks(options),
    },
    { provide: TaskBackends, useExisting: NamedTasks },
    {
      provide: RequestScopes,
      inject: [TaskEngine, NamedTasks, ModulesContainer],
      useFactory: (engine: TaskEngine, named: NamedTasks, modules: ModulesContainer) =>
        new RequestScopes(engine, named, modules),
    },
    { provide: BackgroundTasks, scope: Scope.REQUEST, useFactory: suppliedTasks },
    {
      provide: BackgroundTasksHost,
      inject: [RequestScopes],
      useFactory: (scopes: RequestScopes) => new BackgroundTasksHost(scopes),
    },
    BackgroundTasksRef,
    TaskScopes,
  ],
  exports: [BackgroundTasks, BackgroundTasksRef, BackgroundTasksHost, TaskBackends, TaskScopes],
})
export class BackgroundTasksModule
  extends ConfigurableModuleClass
  implements NestModule, OnModuleInit, OnApplicationBootstrap, OnModuleDestroy
{
  /** Registers the module with these options. @throws INVALID_OPTION, ALREADY_REGISTERED, UNSUPPORTED_NEST at start-up */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    // Nest would read an array, or a string, as options that are all absent.
    return super.forRoot(group('options', options));
  }

  /** Registers the module with options from `useFactory`, `useClass` or `useExisting`. @throws as `forRoot` */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }

  readonly #self: NestModuleRef;
  readonly #runs: HandlerRuns;

  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(RequestScopes) private readonly scopes: RequestScopes,
    @Inject(BackgroundTasksHost) private readonly host: BackgroundTasksHost,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(LazyModuleLoader) private readonly lazyModules: LazyModuleLoader,
  ) {
    super();
    assertSupportedNest();
    this.#runs = new HandlerRuns(scopes, moduleRef);
    const registrations = [...modules.values()].filter((module) => module.metatype === BackgroundTasksModule);
    if (registrations.length > 1) throw new AlreadyRegisteredError(registrations.length);
    this.#self = registrations[0]!;
    closeFirst(this.#self);
    const tasks = this.#self.providers.get(BackgroundTasks)!;
    scopes.areTasksOverridden = !isOurs(tasks);
    if (isOurs(tasks)) supplyInstances(tasks, (contextId) => scopes.ofContext(contextId, 'BackgroundTasks').tasks);
  }

  /** Nest calls this in HTTP applications, after everything has been built and before routes are registered. */
  configure(_consumer: MiddlewareConsumer): void {
    const { httpAdapter } = this.adapterHost;
    this.scopes.plan.scan();
    const resources = new HandlerResources(this.scopes.plan, this.modules);
    markSendingHandlers(this.modules);
    listenToExceptions(onException, onFilter);
    hookAdapter(
      httpAdapter,
      new HttpExchanges(httpAdapter, this.scopes, resources, this.moduleRef, this.#overriddenTasks()),
    );
    this.host.attach(new HttpConnections(httpAdapter.getHttpServer() as Server));
  }

  /** Before the others: a backend begins to take what it finds, and their own hooks may enqueue. */
  onModuleInit(): void {
    const { named } = this.scopes;
    this.scopes.plan.scan();
    named.explore(this.modules);
    named.callWith(this.#runs);
    afterLazyLoading(this.lazyModules, () => {
      this.scopes.plan.scan();
      named.explore(this.modules);
    });
  }

  /** After all others have been initialised, so that handlers find them ready. */
  onApplicationBootstrap(): void {
    const { named } = this.scopes;
    // The module of the backend may have been initialised after this one.
    named.explore(this.modules);
    named.backend?.start(this.#runs);
  }

  /** The first of all shutdown hooks, because of `closeFirst`: nothing that tasks use is closed yet. */
  onModuleDestroy(): Promise<void> {
    return this.host.drain();
  }

  /** `overrideProvider(BackgroundTasks)` replaces the provider; the ways in that do not ask the injector must follow it. */
  #overriddenTasks(): ((request: object) => BackgroundTasks | Promise<BackgroundTasks>) | undefined {
    const wrapper = this.#self.providers.get(BackgroundTasks)!;
    if (isOurs(wrapper)) return undefined;
    if (wrapper.isDependencyTreeStatic()) return () => wrapper.instance as BackgroundTasks;
    return (request) => resolveInContext(wrapper, contextIdOf(request, this.moduleRef)) as Promise<BackgroundTasks>;
  }
}

function isOurs(tasks: InstanceWrapper): boolean {
  return tasks.metatype === (suppliedTasks as unknown);
}
