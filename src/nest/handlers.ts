import type { Type } from '@nestjs/common';
import {
  RESPONSE_PASSTHROUGH_METADATA,
  ROUTE_ARGS_METADATA,
  RouteParamtypes,
  SSE_METADATA,
} from '@nestjs/common/internal';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import type { Module } from '@nestjs/core/internal';

/** A route handler as its controller declares it. */
export interface DeclaredHandler {
  readonly module: Module;
  readonly controller: Type;
  readonly method: string;
  /** The factory and the argument of each `createParamDecorator` decorator, by the kind and place of the parameter. */
  readonly parameters: Readonly<Record<string, { readonly factory?: unknown; readonly data?: unknown }>>;
}

/** Finds the methods of all controllers that have decorated parameters. */
export function* handlersOf(modules: ModulesContainer): Generator<DeclaredHandler> {
  const scanner = new MetadataScanner();
  for (const module of modules.values()) {
    for (const { metatype } of module.controllers.values()) {
      const controller = metatype as Type;
      for (const method of scanner.getAllMethodNames(controller.prototype as object)) {
        const parameters: unknown = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method);
        if (parameters) yield { module, controller, method, parameters: parameters as DeclaredHandler['parameters'] };
      }
    }
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
    if (!takesResponse || Reflect.getMetadata(RESPONSE_PASSTHROUGH_METADATA, controller, method)) continue;
    Reflect.defineMetadata(SENDS_ITSELF, true, (controller.prototype as Record<string, object>)[method]!);
  }
}

/** Whether Nest sends the response of a route handler through its adapter. */
export function isSentByNest(routeHandler: object): boolean {
  return !Reflect.getMetadata(SENDS_ITSELF, routeHandler) && !Reflect.getMetadata(SSE_METADATA, routeHandler);
}

const SENDS_ITSELF = 'nestjs-background-tasks:sends-itself';
