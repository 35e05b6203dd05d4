import { createParamDecorator, type ExecutionContext, type InjectionToken } from '@nestjs/common';
import type { ContextId, ModuleRef, ModulesContainer } from '@nestjs/core';
import { type Acquire, compileResource, type ResourceRequest } from '../disposal/resource-graph.js';
import { tokenName } from '../disposal/provide-resource.js';
import { OutsideScopeError, UnknownResourceError } from '../errors/errors.js';
import { contextIdOf, handlersOf, visibleProvider } from '../nest/nest-internals.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { exchangeOf, type HttpExchange } from './http-exchange.js';

const factory = (token: InjectionToken, context: ExecutionContext): unknown => {
  const request: object = context.getArgByIndex(0);
  const exchange = exchangeOf(request);
  if (!exchange) throw new OutsideScopeError(`@Resource(${tokenName(token)})`);
  return exchange.environment.resources.acquire(context.getClass(), token, request, exchange);
};

/** Nest keeps the factory of each parameter: it is how we recognise our own decorator at start-up. */
const decorate = createParamDecorator(factory);

/**
 * Gives a route handler the resource that `provideResource({ provide: token })` stands for, without
 * making its controller request-scoped. The same instance that constructor injection of the token
 * would see in this request.
 *
 * @throws UNKNOWN_RESOURCE at start-up, if nothing visible to the controller provides the token
 */
export const Resource = (token: InjectionToken): ParameterDecorator => decorate(token);

/** The resources that handlers ask for with `@Resource()`, compiled at start-up. */
export class HandlerResources {
  readonly #acquire = new Map<unknown, Map<InjectionToken, Acquire>>();

  constructor(private readonly moduleRef: ModuleRef) {}

  /** @throws UNKNOWN_RESOURCE */
  compile(modules: ModulesContainer): void {
    for (const { module, controller, method, parameters } of handlersOf(modules)) {
      for (const parameter of parameters) {
        if (parameter.factory !== factory) continue;
        const token = parameter.data as InjectionToken;
        const wrapper = visibleProvider(module, token);
        if (!wrapper) throw new UnknownResourceError(tokenName(token), `${controller.name}.${method}()`);
        const compiled = this.#acquire.get(controller) ?? new Map<InjectionToken, Acquire>();
        compiled.set(token, compileResource(wrapper));
        this.#acquire.set(controller, compiled);
      }
    }
  }

  acquire(controller: unknown, token: InjectionToken, request: object, exchange: HttpExchange): unknown {
    return this.#acquire.get(controller)!.get(token)!(new HttpResourceRequest(request, exchange, this.moduleRef));
  }
}

class HttpResourceRequest implements ResourceRequest {
  readonly holder;

  constructor(
    readonly request: object,
    private readonly exchange: HttpExchange,
    private readonly moduleRef: ModuleRef,
  ) {
    this.holder = exchange.openScope();
  }

  get tasks(): BackgroundTasks {
    return this.exchange.tasks;
  }

  /** Only asked for by what has to go through the injector. */
  get contextId(): ContextId {
    return contextIdOf(this.request, this.moduleRef);
  }
}
