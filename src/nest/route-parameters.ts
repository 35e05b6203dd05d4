import type { ExecutionContext } from '@nestjs/common';
import { RouterExecutionContext } from '@nestjs/core/router/router-execution-context.js';

/** Gives a parameter of a handler its value, as the function that `createParamDecorator` was given. */
export type ParameterFactory = (data: never, context: ExecutionContext) => unknown;

/**
 * Replaces the factory of a decorator in all routes by what `bind` returns for the module of the route. Nest tells a
 * factory the class of the controller, which may be a controller of several modules. It happens where Nest prepares the
 * parameters of a route, so a request to a singleton pays nothing. `creator` is the prototype that prepares the handlers
 * of another transport. The first call for each serves every application of the process.
 */
export function bindToModules(
  factory: ParameterFactory,
  bind: (moduleKey: string) => ParameterFactory,
  creator: object = RouterExecutionContext.prototype,
): void {
  const prototype = creator as RouterExecutionContext & { [PATCHED]?: true };
  if (Object.hasOwn(prototype, PATCHED)) return;
  const { exchangeKeysForValues } = prototype;
  prototype.exchangeKeysForValues = function bindAndExchange(keys, metadata, moduleKey, ...rest) {
    const declared = metadata as Record<string, { readonly factory?: unknown }>;
    const decorated = keys.filter((key) => declared[key]!.factory === factory);
    if (decorated.length === 0) return exchangeKeysForValues.call(this, keys, metadata, moduleKey, ...rest);
    const bound = decorated.map((key) => [key, { ...declared[key], factory: bind(moduleKey) }] as const);
    const parameters = { ...declared, ...Object.fromEntries(bound) } as typeof metadata;
    return exchangeKeysForValues.call(this, keys, parameters, moduleKey, ...rest);
  };
  prototype[PATCHED] = true;
}

const PATCHED = Symbol('nestjs-background-tasks:route-parameters');
