import { ContextIdFactory, LazyModuleLoader, ModuleRef, NestApplicationContext } from '@nestjs/core';
import { ExceptionsHandler } from '@nestjs/core/exceptions/exceptions-handler.js';
import { ContextUtils, Injector, InstanceWrapper, Module, REQUEST_CONTEXT_ID } from '@nestjs/core/internal';
import { RouterExecutionContext } from '@nestjs/core/router/router-execution-context.js';
import { RouterExplorer } from '@nestjs/core/router/router-explorer.js';
import { InterceptorsConsumer } from '@nestjs/core/interceptors/interceptors-consumer.js';
import { InterceptorsContextCreator } from '@nestjs/core/interceptors/interceptors-context-creator.js';
import { createRequire } from 'node:module';
import { UnsupportedNestError } from '../errors/set-up-errors.js';

/**
 * Checks everything that this room uses of Nest and that Nest does not promise. The methods of the HTTP adapter are
 * checked where they are replaced.
 *
 * @throws UNSUPPORTED_NEST
 */
export function assertSupportedNest(): void {
  assertNothingMissing([
    ...missingMethods(InstanceWrapper.prototype, 'InstanceWrapper', [
      'cloneStaticInstance',
      'setInstanceByContextId',
      'setInstanceByInquirerId',
      'getExistingInstancesByContextId',
      'getCtorMetadata',
      'getPropertiesMetadata',
      'getEnhancersMetadata',
      'getDependents',
      'isDependencyTreeStatic',
      'isDependencyTreeDurable',
    ]),
    ...missingMethods(Injector.prototype, 'Injector', ['loadCtorMetadata', 'lookupComponentInParentModules']),
    ...missingMethods(NestApplicationContext.prototype, 'NestApplicationContext', ['callInitHook']),
    ...missingMethods(ModuleRef.prototype, 'ModuleRef', ['registerRequestByContextId']),
    ...missingMethods(ContextIdFactory, 'ContextIdFactory', ['getByRequest']),
    ...missingMethods(ExceptionsHandler.prototype, 'ExceptionsHandler', ['next', 'setCustomFilters']),
    ...missingMethods(RouterExplorer.prototype, 'RouterExplorer', ['getContextId']),
    ...missingMethods(RouterExecutionContext.prototype, 'RouterExecutionContext', ['exchangeKeysForValues']),
    ...missingMethods(ContextUtils.prototype, 'ContextUtils', ['reflectCallbackMetadata', 'reflectPassthrough']),
    ...missingMethods(InterceptorsConsumer.prototype, 'InterceptorsConsumer', ['intercept']),
    ...missingMethods(InterceptorsContextCreator.prototype, 'InterceptorsContextCreator', [
      'create',
      'getGlobalMetadata',
    ]),
    ...missingMethods(LazyModuleLoader.prototype, 'LazyModuleLoader', ['load']),
    ...missingMethods(Module.prototype, 'Module', ['getProviderByKey']),
    ...['providers', 'controllers', 'injectables', 'imports', 'exports', 'distance']
      .filter((property) => !(property in Module.prototype))
      .map((property) => `Module.${property}`),
    ...(typeof REQUEST_CONTEXT_ID === 'symbol' ? [] : ['REQUEST_CONTEXT_ID']),
  ]);
}

/** @throws UNSUPPORTED_NEST that names the methods which `owner` does not have */
export function assertMethods(owner: object, name: string, methods: readonly string[]): void {
  assertNothingMissing(missingMethods(owner, name, methods));
}

function missingMethods(owner: object, name: string, methods: readonly string[]): string[] {
  return methods
    .filter((method) => typeof (owner as Record<string, unknown>)[method] !== 'function')
    .map((method) => `${name}.${method}()`);
}

function assertNothingMissing(missing: readonly string[]): void {
  if (missing.length === 0) return;
  const { version } = createRequire(import.meta.url)('@nestjs/core/package.json') as { version: string };
  throw new UnsupportedNestError(version, missing);
}
