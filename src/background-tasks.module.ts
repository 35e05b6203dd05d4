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
  type BackgroundTasksModuleAsyncOptions,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type OPTIONS_TYPE,
} from './background-tasks.module-definition.js';
import { ResourceHolders } from './disposal/resource-holder.js';
import { AlreadyRegisteredError, OutsideScopeError } from './errors/errors.js';
import { TaskEngine } from './execution/task-engine.js';
import { hookAdapter } from './http/adapter-hooks.js';
import { exchangeOf } from './http/http-exchange.js';
import { HandlerResources } from './http/resource.decorator.js';
import { StalledResponses } from './http/stalled-responses.js';
import { supplyInstances } from './nest/instances.js';
import {
  assertSupportedNest,
  closeFirst,
  contextIdOf,
  type InstanceWrapper,
  listenToExceptions,
  markUnheldHandlers,
  type Module as NestModuleRef,
  resolveInContext,
} from './nest/nest-internals.js';
import { group } from './options/checks.js';
import { type BackgroundTasksModuleOptions, resolveModuleOptions } from './options/module-options.js';
import { RequestScopes } from './scope/request-scopes.js';
import { TaskScopes } from './scope/task-scopes.js';
import { BackgroundTasksHost } from './shutdown/background-tasks-host.js';
import { Drain } from './shutdown/drain.js';
import { HttpConnections } from './shutdown/http-connections.js';
import { BackgroundTasksRef } from './tasks/background-tasks-ref.js';
import { BackgroundTasks } from './tasks/background-tasks.js';
import { NamedTasks } from './named/named-tasks.js';

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
    RequestScopes,
    { provide: ResourceHolders, useExisting: RequestScopes },
    NamedTasks,
    { provide: BackgroundTasks, scope: Scope.REQUEST, useFactory: suppliedTasks },
    Drain,
    BackgroundTasksHost,
    BackgroundTasksRef,
    TaskScopes,
  ],
  exports: [BackgroundTasks, BackgroundTasksRef, BackgroundTasksHost, TaskScopes, ResourceHolders],
})
export class BackgroundTasksModule
  extends ConfigurableModuleClass
  implements NestModule, OnModuleInit, OnApplicationBootstrap, OnModuleDestroy
{
  /**
   * Registers the module with these options. @throws INVALID_OPTION, ALREADY_REGISTERED, UNSUPPORTED_NEST at start-up
   */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    // Nest would read an array, or a string, as options that are all absent.
    return super.forRoot(group('options', options));
  }

  /** Registers the module with options from `useFactory`, `useClass` or `useExisting`. @throws as `forRoot` */
  static override forRootAsync(options: BackgroundTasksModuleAsyncOptions): DynamicModule {
    return super.forRootAsync(options);
  }

  readonly #self: NestModuleRef;

  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(RequestScopes) private readonly scopes: RequestScopes,
    @Inject(NamedTasks) private readonly named: NamedTasks,
    @Inject(Drain) private readonly drain: Drain,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(LazyModuleLoader) private readonly lazyModules: LazyModuleLoader,
  ) {
    super();
    assertSupportedNest();
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
    const { engine } = this.scopes;
    const resources = new HandlerResources(this.moduleRef);
    this.scopes.plan.scan();
    resources.compile(this.modules);
    markUnheldHandlers(this.modules);
    listenToExceptions(
      (error, context, answer) => {
        const exchange = exchangeOf(context.getArgByIndex(0));
        if (exchange) exchange.failed(error, context, answer);
        else answer(error);
      },
      (filter, context) => exchangeOf(context.getArgByIndex(0))?.routeBegun(filter),
    );
    hookAdapter(httpAdapter, {
      scopes: this.scopes,
      stalledResponses: new StalledResponses(engine.options.stalledClientTimeoutMs),
      resources,
      overriddenTasks: this.#overriddenTasks(),
    });
    this.drain.attach(new HttpConnections(httpAdapter.getHttpServer() as Server));
  }

  /** Runs after the same hook of all other modules, because of `closeFirst`. */
  onModuleInit(): void {
    this.scopes.plan.scan();
    this.named.checkSettings();
    const load = this.lazyModules.load.bind(this.lazyModules);
    this.lazyModules.load = async (...args) => {
      const loaded = await load(...args);
      this.scopes.plan.scan();
      this.named.explore();
      return loaded;
    };
  }

  /** Runs after all others have been initialised, so that handlers find them ready. */
  onApplicationBootstrap(): void {
    this.named.start();
  }

  /** The first of all shutdown hooks, because of `closeFirst`: nothing that tasks use is closed yet. */
  onModuleDestroy(): Promise<void> {
    return this.drain.begin();
  }

  /**
   * `overrideProvider(BackgroundTasks)` replaces the provider; the ways in that do not ask the injector must follow it.
   */
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
