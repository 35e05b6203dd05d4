import type { ArgumentsHost } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { ExternalExceptionsHandler } from '@nestjs/core/exceptions/external-exceptions-handler.js';
import { ExternalContextCreator } from '@nestjs/core/helpers/external-context-creator.js';
import { AbstractGraphQLDriver } from '@nestjs/graphql';
import { ResolversExplorerService } from '@nestjs/graphql/dist/services/resolvers-explorer.service.js';
import { isInstance } from '../errors/safely.js';
import { type InstanceWrapper, wrappersOf } from '../nest/injector.js';

export const resolverHandlers: object = ExternalContextCreator.prototype;

/** A function that GraphQL calls for a field: with the parent, the arguments, the context and `info`. */
export type ResolverFunction = (this: unknown, ...args: unknown[]) => unknown;

/** Describes a resolver to the function that wraps it. */
export interface DeclaredResolver {
  readonly className: string;
  readonly methodName: string;
  /** Whether it belongs to a class that is built for each operation. */
  readonly isPerRequest: boolean;
  /** Whether it calls the method itself, without parameters of ours, guards or interceptors. */
  readonly isPlain: boolean;
}

/** Replaces the function that Nest makes of each resolver. Called before the schema is built. */
export function wrapResolvers(
  modules: ModulesContainer,
  wrap: (resolver: ResolverFunction, declared: DeclaredResolver) => ResolverFunction,
): void {
  for (const { instance } of wrappersOf(modules)) {
    if (!isInstance<object>(instance, ResolversExplorerService)) continue;
    const explorer = instance as Explorer;
    const { createContextCallback } = explorer;
    explorer.createContextCallback = function createAndWrap(host, prototype, wrapper, ...rest) {
      const resolver = createContextCallback.call(this, host, prototype, wrapper, ...rest);
      const [, { methodName, type }] = rest;
      const parameters: unknown = Reflect.getMetadata(PARAMETERS, host.constructor, methodName);
      const isPlain = !ROOT_TYPES.has(type) && !parameters;
      const isPerRequest = !wrapper.isDependencyTreeStatic();
      return wrap(resolver, { className: String(wrapper.name), methodName, isPerRequest, isPlain });
    };
  }
}

/** Finds the drivers of all schemas of the application. */
export function driversOf(modules: ModulesContainer): AbstractGraphQLDriver[] {
  return [...wrappersOf(modules)]
    .map(({ instance }): unknown => instance)
    .filter((instance) => isInstance(instance, AbstractGraphQLDriver));
}

/**
 * Calls the listener with every error of a resolver on its way to the exception filters. The first one serves every
 * application of the process.
 */
export function listenToResolverExceptions(listener: (error: unknown, args: readonly unknown[]) => void): void {
  const prototype = ExternalExceptionsHandler.prototype as ExternalExceptionsHandler & { [PATCHED]?: true };
  if (prototype[PATCHED]) return;
  const { next } = prototype;
  prototype.next = function nextAfterListener(this: ExternalExceptionsHandler, exception: Error, host: ArgumentsHost) {
    if (host.getType<string>() === 'graphql') listener(exception, host.getArgs());
    return next.call(this, exception, host);
  };
  prototype[PATCHED] = true;
}

interface Explorer {
  createContextCallback(
    host: object,
    prototype: object,
    wrapper: InstanceWrapper,
    ...rest: [module: unknown, resolver: { readonly methodName: string; readonly type: string }, ...unknown[]]
  ): ResolverFunction;
}

const ROOT_TYPES: ReadonlySet<string> = new Set(['Query', 'Mutation', 'Subscription']);

/** The key of the parameters that are decorated. */
const PARAMETERS = '__routeArguments__';

const PATCHED = Symbol('nestjs-background-tasks:external-exceptions-handler');
