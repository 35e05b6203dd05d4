import { Inject, Module, type NestModule } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { isPromise } from '../errors/safely.js';
import { resourceFactory, resourceFactoryIn } from '../handlers/resource.decorator.js';
import type { HttpExchange } from '../http/http-exchange.js';
import { HttpExchanges } from '../http/http-exchanges.js';
import { bindToModules } from '../nest/route-parameters.js';
import { CalledUnit, calledUnit } from '../scope/called-unit.js';
import { CalledUnits } from '../scope/called-units.js';
import { RequestScopes } from '../scope/request-scopes.js';
import { answerTo } from './answer.js';
import { GraphQLRequest, graphqlRequestOf, infoOf } from './graphql-request.js';
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

  #wrap(
    resolver: ResolverFunction,
    { className, methodName, isPerRequest, isPlain }: DeclaredResolver,
  ): ResolverFunction {
    const { scopes, units, moduleRef } = this;
    const { usesRef } = scopes;
    // Nothing in a plain one can ask for anything of ours, if nobody injects the reference.
    if (isPlain && !usesRef && !isPerRequest) return resolver;
    const description = `${className}.${methodName}()`;
    return function (...args) {
      const context = contextOf(args);
      const request = graphqlRequestOf(context);
      if (!request) {
        return units.run(new CalledUnit(scopes, 'graphql', description, {}, moduleRef), () =>
          resolver.apply(this, args),
        );
      }
      // Whoever asks finds it through the context. These ask without the arguments of the resolver.
      const operation = usesRef || isPerRequest ? request.operation(context as object, args) : undefined;
      return usesRef ? operation!.runInContext(() => resolver.apply(this, args)) : resolver.apply(this, args);
    };
  }

  get #hooks(): DriverHooks {
    const { exchanges, scopes } = this;
    return {
      begun(request, response, make) {
        const begin = () => {
          const exchange = exchanges.beginFramed(request, response);
          exchange.framedRequest = request;
          exchange.routePattern ??= pathOf(request);
          exchange.kind = 'graphql';
          return exchange;
        };
        const attach = (context: unknown) => {
          const graphqlRequest = new GraphQLRequest(begin);
          graphqlRequest.attachTo(request);
          graphqlRequest.attachToContext(context as object);
          return context;
        };
        const isHeard = scopes.engine.events.scopeOpened.isHeard;
        if (exchanges.overriddenTasks || scopes.usesRef || isHeard)
          return makeInContext(exchanges, begin(), make).then(attach);
        const context = make();
        return isPromise(context) ? context.then(attach) : attach(context);
      },
      ended: (context, result) => graphqlRequestOf(context)?.ended(context, result),
      allEnded(request, results, indexOf) {
        const graphqlRequest = graphqlRequestOf(request);
        if (graphqlRequest?.hasBegun) graphqlRequest.allEnded(results, indexOf);
      },
      settle(marked) {
        const graphqlRequest = graphqlRequestOf(marked);
        if (!graphqlRequest?.hasBegun) return undefined;
        return graphqlRequest.settle().then(
          () => undefined,
          (error: unknown) => answerTo(error, scopes.engine.log),
        );
      },
    };
  }
}

/** Makes a context where BackgroundTasksRef finds the request, and the tasks that a test has put in place of ours. */
async function makeInContext({ overriddenTasks }: HttpExchanges, exchange: HttpExchange, make: () => unknown) {
  if (overriddenTasks) exchange.tasksOverride = await overriddenTasks(exchange.request);
  return exchange.runInContext(make);
}

/** Takes an error on its way to the exception filters. That of a root field fails its operation. */
function resolverFailed(error: unknown, args: readonly unknown[]): void {
  const context = contextOf(args) as object;
  const request = graphqlRequestOf(context);
  if (!request) void calledUnit()?.fail(error);
  else if (infoOf(args, context)?.path.prev === undefined) request.operation(context, args).fail(error);
}

/** Finds the context. Some resolvers have fewer arguments before it. */
function contextOf(args: readonly unknown[]): unknown {
  return graphqlRequestOf(args[2]) ? args[2] : args[1];
}

function pathOf(request: object): string {
  const { baseUrl, routeOptions } = request as { baseUrl?: string; routeOptions?: { readonly url?: string } };
  return routeOptions?.url ?? baseUrl ?? '';
}
