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
import { HttpAdapterHost, ModuleRef, ModulesContainer } from '@nestjs/core';
import type { Server } from 'node:http';
import {
  type BackgroundTasksModuleAsyncOptions,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type OPTIONS_TYPE,
} from './background-tasks.module-definition.js';
import { TaskObservers } from './contracts/task-observers.js';
import { HandlerResources } from './disposal/handler-resources.js';
import { OutsideScopeError } from './errors/errors.js';
import { AlreadyRegisteredError, NotRegisteredError } from './errors/set-up-errors.js';
import { TaskEngine } from './execution/task-engine.js';
import { unitOfCall } from './handlers/current-unit.js';
import { resourceFactory, resourceFactoryIn } from './handlers/resource.decorator.js';
import { BackgroundTasksInterceptor } from './http/background-tasks.interceptor.js';
import { exchangeOf } from './http/find-exchange.js';
import { HttpExchanges, onException, onFilter } from './http/http-exchanges.js';
import { NamedTasks } from './named/named-tasks.js';
import { TaskReports } from './named/task-reports.js';
import { onDurableContext } from './nest/durable-controllers.js';
import { listenToExceptions } from './nest/exceptions.js';
import { listenToHandlers } from './nest/handler-chain.js';
import { markSendingHandlers } from './nest/handlers.js';
import { contextIdOf, type InstanceWrapper, resolveInContext } from './nest/injector.js';
import { supplyInstances } from './nest/instances.js';
import { explainMissing, isProvided } from './nest/missing-providers.js';
import { afterLazyLoading, closeFirst, isTestingModule, type Module as NestModuleRef } from './nest/modules.js';
import { bindToModules } from './nest/route-parameters.js';
import { assertSupportedNest } from './nest/supported-nest.js';
import { group, readOption } from './options/checks.js';
import { type BackgroundTasksModuleOptions, resolveModuleOptions } from './options/module-options.js';
import { CalledUnits } from './scope/called-units.js';
import { RequestScopes } from './scope/request-scopes.js';
import { attachSourceOf } from './scope/scope-source.js';
import { TaskScopes } from './scope/task-scopes.js';
import { UnitsOfWork } from './scope/units-of-work.js';
import { BackgroundTasksHost } from './shutdown/background-tasks-host.js';
import { Drain } from './shutdown/drain.js';
import { HttpConnections } from './shutdown/http-connections.js';
import { warnOfMissingShutdownHooks } from './shutdown/missing-shutdown-hooks.js';
import { BackgroundTasksRef } from './tasks/background-tasks-ref.js';
import { BackgroundTasks } from './tasks/background-tasks.js';
import { REGISTRATION } from './tasks/registration.js';

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
    { provide: TaskObservers, inject: [TaskEngine], useFactory: ({ observation }: TaskEngine) => observation },
    RequestScopes,
    CalledUnits,
    NamedTasks,
    { provide: BackgroundTasks, scope: Scope.REQUEST, useFactory: suppliedTasks },
    Drain,
    BackgroundTasksHost,
    BackgroundTasksRef,
    TaskReports,
    TaskScopes,
    UnitsOfWork,
    HttpExchanges,
  ],
  exports: [
    BackgroundTasks,
    BackgroundTasksRef,
    BackgroundTasksHost,
    CalledUnits,
    Drain,
    HttpExchanges,
    NamedTasks,
    RequestScopes,
    TaskObservers,
    TaskReports,
    TaskScopes,
    UnitsOfWork,
  ],
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
    return readOption('options', options, () => super.forRoot(group('options', options)));
  }

  /** Registers the module with options from `useFactory`, `useClass` or `useExisting`. @throws as `forRoot` */
  static override forRootAsync(options: BackgroundTasksModuleAsyncOptions): DynamicModule {
    return readOption('options', options, () => super.forRootAsync(group('options', options)));
  }

  readonly #self: NestModuleRef;

  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(RequestScopes) private readonly scopes: RequestScopes,
    @Inject(CalledUnits) called: CalledUnits,
    @Inject(NamedTasks) private readonly named: NamedTasks,
    @Inject(Drain) private readonly drain: Drain,
    @Inject(HttpExchanges) private readonly exchanges: HttpExchanges,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
  ) {
    super();
    assertSupportedNest();
    const registrations = [...modules.values()].filter(
      (module) => module.metatype === BackgroundTasksModule && !lacksForRoot(module),
    );
    if (registrations.length > 1) throw new AlreadyRegisteredError(registrations.length);
    this.#self = registrations[0]!;
    closeFirst(this.#self);
    scopes.needAsyncContext.push(UnitsOfWork);
    scopes.refInterceptor = BackgroundTasksInterceptor;
    bindToModules(resourceFactory, resourceFactoryIn);
    listenToHandlers((args, type, begins) => (type === 'http' ? exchangeOf(args[0]) : unitOfCall(args, type, begins)));
    const tasks = this.#self.providers.get(BackgroundTasks)!;
    scopes.areTasksOverridden = !isOurs(tasks);
    if (!isOurs(tasks)) called.overriddenTasks = (unit) => this.#overriddenTasks()!(unit.request);
    if (isOurs(tasks)) supplyInstances(tasks, (contextId) => scopes.tasksOfContext(contextId));
  }

  /** Nest calls this in HTTP applications, after everything has been built and before routes are registered. */
  configure(_consumer: MiddlewareConsumer): void {
    this.#readGraph();
    markSendingHandlers(this.modules);
    onDurableContext((contextId, request) => attachSourceOf(request, contextId));
    listenToExceptions(onException, onFilter);
    this.exchanges.overriddenTasks = this.#overriddenTasks();
    this.exchanges.serve();
    const server = this.adapterHost.httpAdapter.getHttpServer() as Server;
    this.drain.attach(new HttpConnections(server), this.exchanges.otherServers);
    if (!isTestingModule(this.modules)) warnOfMissingShutdownHooks(server, this.scopes.engine);
  }

  /** Runs after the same hook of all other modules, because of `closeFirst`. */
  onModuleInit(): void {
    const read = () => {
      this.#readGraph();
      this.named.explore();
    };
    // Others may have loaded modules in the same hook.
    read();
    afterLazyLoading(this.modules, read);
  }

  /** Runs after all others have been initialised, so that handlers find them ready. */
  onApplicationBootstrap(): Promise<void> {
    const { log, options } = this.scopes.engine;
    if (options.lossNotice) log.lossNotice();
    return this.named.start();
  }

  /** The first of all shutdown hooks, because of `closeFirst`: nothing that tasks use is closed yet. */
  onModuleDestroy(): Promise<void> {
    return this.drain.begin();
  }

  #readGraph(): void {
    this.scopes.readModules();
    // Not injected: whoever injects it has every request found in its async context. And not got: the first get() of an
    // application hides the modules that are loaded later.
    const { instance } = this.#self.providers.get(UnitsOfWork)!;
    (instance as UnitsOfWork).explore();
    this.scopes.resources = new HandlerResources(this.scopes.plan, this.modules, resourceFactory);
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

explainMissing(MODULE_OPTIONS_TOKEN, ({ modules }) => {
  const importers = [...modules.values()].filter(({ imports }) => [...imports].some(lacksForRoot));
  const problem = `${importers.map(({ name }) => name).join(', ')} imports BackgroundTasksModule without forRoot()`;
  if (!isProvided(modules, MODULE_OPTIONS_TOKEN)) return new NotRegisteredError(problem, REGISTRATION);
  return new NotRegisteredError(`${problem}. Remove that import: another module has forRoot()`);
});

function lacksForRoot({ metatype, providers }: NestModuleRef): boolean {
  return metatype === BackgroundTasksModule && !providers.has(MODULE_OPTIONS_TOKEN);
}

/** Marks our own provider, which a test may override. The injector is given the instances and never calls it. */
function suppliedTasks(): never {
  throw new OutsideScopeError('BackgroundTasks', 'injector');
}

function isOurs(tasks: InstanceWrapper): boolean {
  return tasks.metatype === (suppliedTasks as unknown);
}
