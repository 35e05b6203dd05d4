import type { Type } from '@nestjs/common';
import { type Controller, ROUTE_ARGS_METADATA, RouteParamtypes, SSE_METADATA } from '@nestjs/common/internal';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { ContextUtils, type InstanceWrapper, type Module } from '@nestjs/core/internal';
import { isInstance } from '../errors/safely.js';
import { interceptorsAround, type PreparesHandlers } from './interceptors.js';

/** A route handler as its controller declares it. */
export interface DeclaredHandler {
  readonly module: Module;
  /** The key under which Nest keeps the module. */
  readonly moduleKey: string;
  readonly controller: Controller;
  readonly controllerName: string;
  readonly method: string;
  /** The factory and the argument of each `createParamDecorator` decorator, by the kind and place of the parameter. */
  readonly parameters: Readonly<Record<string, { readonly factory?: unknown; readonly data?: unknown }>>;
}

/** Finds the methods of all controllers that have decorated parameters. A class stands in each of its modules. */
export function* handlersOf(modules: ModulesContainer): Generator<DeclaredHandler> {
  const scanner = new MetadataScanner();
  for (const [moduleKey, module] of modules) {
    for (const { instance, name } of handlingClassesOf(module)) {
      const controller: Controller = instance;
      const controllerName = String(name);
      for (const method of scanner.getAllMethodNames(Object.getPrototypeOf(controller) as object)) {
        // Nest knows on which class a decorator has left its mark, also where a mixin has copied the method.
        const parameters = reflect.reflectCallbackMetadata<unknown>(controller, method, ROUTE_ARGS_METADATA);
        if (!parameters) continue;
        const declared = parameters as DeclaredHandler['parameters'];
        yield { module, moduleKey, controller, controllerName, method, parameters: declared };
      }
    }
  }
}

/** Finds controllers, and the providers that are gateways of WebSockets or resolvers of GraphQL. */
function* handlingClassesOf({ controllers, providers }: Module): Generator<InstanceWrapper<Controller>> {
  yield* controllers.values();
  for (const provider of providers.values()) {
    const { metatype, instance } = provider;
    if (metatype && instance && HANDLING_PROVIDERS.some((key) => Reflect.hasMetadata(key, metatype)))
      yield provider as InstanceWrapper<Controller>;
  }
}

/**
 * Marks the methods that send their response themselves (`@Res()`, `@Next()`). Nest copies the mark to their route
 * handlers.
 */
export function markSendingHandlers(modules: ModulesContainer): void {
  const sending = [`${RouteParamtypes.RESPONSE}:`, `${RouteParamtypes.NEXT}:`];
  for (const { controller, method, parameters } of handlersOf(modules)) {
    const takesResponse = Object.keys(parameters).some((key) => sending.some((kind) => key.startsWith(kind)));
    if (!takesResponse || reflect.reflectPassthrough(controller, method)) continue;
    Reflect.defineMetadata(SENDS_ITSELF, true, (controller as Record<string, object>)[method]!);
  }
}

/** Whether Nest sends the response of a route handler through its adapter. */
export function isSentByNest(routeHandler: object): boolean {
  return !Reflect.getMetadata(SENDS_ITSELF, routeHandler) && !Reflect.getMetadata(SSE_METADATA, routeHandler);
}

/**
 * Whether the handlers of a class ask for nothing: it is built once, no parameter has a custom decorator such as
 * `@Tasks()`, and no interceptor of this type is called around them.
 */
export function isPlain(wrapper: InstanceWrapper, creator: PreparesHandlers, interceptor: Type): boolean {
  if (!wrapper.isDependencyTreeStatic() || hasCustomParameters(wrapper.instance as object)) return false;
  return !interceptorsAround(wrapper, creator).some((each) => isInstance(each, interceptor));
}

function hasCustomParameters(instance: object): boolean {
  return new MetadataScanner()
    .getAllMethodNames(Object.getPrototypeOf(instance) as object)
    .map((method) => reflect.reflectCallbackMetadata<unknown>(instance, method, ROUTE_ARGS_METADATA))
    .flatMap((parameters) => Object.values((parameters ?? {}) as DeclaredHandler['parameters']))
    .some(({ factory }) => factory !== undefined);
}

const reflect = new ContextUtils();

/** The keys of `@WebSocketGateway()` and `@Resolver()`. Their packages need not be installed. */
const HANDLING_PROVIDERS = ['websockets:is_gateway', 'graphql:resolver_type'];

const SENDS_ITSELF = 'nestjs-background-tasks:sends-itself';
