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
  readonly parameters: readonly HandlerParameter[];
}

/** A parameter of a route handler that carries a decorator. */
export interface HandlerParameter {
  /** The factory of a `createParamDecorator` decorator. */
  readonly factory?: unknown;
  /** The argument of that decorator. */
  readonly data?: unknown;
}

/** Finds the methods of all controllers that have decorated parameters. */
export function* handlersOf(modules: ModulesContainer): Generator<DeclaredHandler> {
  const scanner = new MetadataScanner();
  for (const module of modules.values()) {
    for (const { metatype } of module.controllers.values()) {
      const controller = metatype as Type;
      for (const method of scanner.getAllMethodNames(controller.prototype as object)) {
        const parameters = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) as
          Record<string, HandlerParameter> | undefined;
        if (parameters) yield { module, controller, method, parameters: Object.values(parameters) };
      }
    }
  }
}

/**
 * Marks the methods that send their response themselves (`@Res()`, `@Next()`). Nest copies the mark to their route
 * handlers.
 */
export function markSendingHandlers(modules: ModulesContainer): void {
  for (const { controller, method } of handlersOf(modules)) {
    const keys = Object.keys(Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) as object);
    const takesResponse = keys.some(
      (key) => key.startsWith(`${RouteParamtypes.RESPONSE}:`) || key.startsWith(`${RouteParamtypes.NEXT}:`),
    );
    if (!takesResponse || Reflect.getMetadata(RESPONSE_PASSTHROUGH_METADATA, controller, method)) continue;
    Reflect.defineMetadata(SENDS_ITSELF, true, (controller.prototype as Record<string, object>)[method]!);
  }
}

/** Whether Nest sends the response of a route handler through its adapter, where it can be held back. */
export function isSentByNest(routeHandler: object): boolean {
  return !Reflect.getMetadata(SENDS_ITSELF, routeHandler) && !Reflect.getMetadata(SSE_METADATA, routeHandler);
}

const SENDS_ITSELF = 'nestjs-background-tasks:sends-itself';
