import { Inject, Module, type NestModule } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { resourceFactory, resourceFactoryIn } from '../handlers/resource.decorator.js';
import { HttpExchanges } from '../http/http-exchanges.js';
import { bindToModules } from '../nest/route-parameters.js';
import { CalledUnit, calledUnit } from '../scope/called-unit.js';
import { CalledUnits } from '../scope/called-units.js';
import { RequestScopes } from '../scope/request-scopes.js';
import { answerTo } from './answer.js';
import { GraphQLRequest, graphqlRequestOf } from './graphql-request.js';
import { type DriverHooks, hookDriver } from './nest-drivers.js';
import {
  type DeclaredResolver,
  driversOf,
  listenToResolverExceptions,
  resolverHandlers,
  type ResolverFunction,
  wrapResolvers,
} from './nest-graphql.js';

/**
 * Gives resolvers of GraphQL tasks and resources, as route handlers have them. Import it beside
 * `BackgroundTasksModule.forRoot()`. It works with the drivers for Apollo and Mercurius.
 *
 * The operations of an HTTP request share its queue and its resources, and its tasks run after its response. Over a
 * WebSocket there is no such request: each call of a resolver is a unit of work.
 */
@Module({})
export class GraphQLBackgroundTasksModule implements NestModule {
  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(CalledUnits) private readonly units: CalledUnits,
    @Inject(RequestScopes) private readonly scopes: RequestScopes,
    @Inject(HttpExchanges) private readonly exchanges: HttpExchanges,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
  ) {
    bindToModules(resourceFactory, resourceFactoryIn, resolverHandlers);
    listenToResolverExceptions(resolverFailed);
  }

  /** Nest calls this when everything has been built, and before a schema is. */
  configure(): void {
    wrapResolvers(this.modules, (resolver, declared) => this.#wrap(resolver, declared));
    for (const driver of driversOf(this.modules)) hookDriver(driver, this.#hooks);
  }

  #wrap(resolver: ResolverFunction, { className, methodName, isPlain }: DeclaredResolver): ResolverFunction {
    const { scopes, units, moduleRef } = this;
    // Nothing in a plain one can ask for anything of ours, if nobody injects the reference.
    if (isPlain && !scopes.usesRef) return resolver;
    const description = `${className}.${methodName}()`;
    return function (...args) {
      const call = () => resolver.apply(this, args);
      const operation = operationOf(args);
      if (operation) return scopes.usesRef ? operation.runInContext(call) : call();
      return units.run(new CalledUnit(scopes, description, {}, moduleRef), call);
    };
  }

  get #hooks(): DriverHooks {
    const { exchanges, scopes } = this;
    return {
      async begun(request, response, make) {
        const exchange = exchanges.beginFramed(request, response);
        exchange.framedRequest = request;
        exchange.routePattern = pathOf(request);
        if (exchanges.overriddenTasks) exchange.tasksOverride = await exchanges.overriddenTasks(request);
        const context = await exchange.runInContext(async () => make());
        const graphqlRequest = new GraphQLRequest(exchange);
        graphqlRequest.attachTo(request);
        graphqlRequest.attachTo(context as object);
        return context;
      },
      ended: (context, result) => graphqlRequestOf(context)?.ended(context, result),
      async settle(marked) {
        try {
          await graphqlRequestOf(marked)?.settle();
          return undefined;
        } catch (error) {
          return answerTo(error, scopes.engine.log);
        }
      },
      answered: (marked) => graphqlRequestOf(marked)?.answered(),
    };
  }
}

function resolverFailed(error: unknown, args: readonly unknown[]): void {
  const operation = operationOf(args);
  if (!operation) void calledUnit()?.fail(error);
  else if (isRoot(args)) operation.fail(error);
}

/** Finds the operation that a resolver is called for. Some resolvers have fewer arguments before the context. */
function operationOf(args: readonly unknown[]) {
  const context = graphqlRequestOf(args[2]) ? args[2] : args[1];
  return graphqlRequestOf(context)?.operation(context as object, infoOf(args));
}

function isRoot(args: readonly unknown[]): boolean {
  return infoOf(args)?.path.prev === undefined;
}

function infoOf(args: readonly unknown[]) {
  return args.find(isInfo);
}

interface Info {
  readonly operation: unknown;
  readonly path: { readonly prev?: unknown };
}

function isInfo(arg: unknown): arg is Info {
  return typeof arg === 'object' && arg !== null && 'operation' in arg && 'path' in arg;
}

function pathOf(request: object): string {
  const { baseUrl, routeOptions } = request as { baseUrl?: string; routeOptions?: { readonly url?: string } };
  return routeOptions?.url ?? baseUrl ?? '';
}
