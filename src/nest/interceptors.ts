import type { NestInterceptor } from '@nestjs/common';
import { ExternalContextCreator, MetadataScanner, type ModulesContainer } from '@nestjs/core';
import type { InterceptorsContextCreator } from '@nestjs/core/interceptors/interceptors-context-creator.js';
import type { InstanceWrapper } from './injector.js';

/** Member of what Nest prepares handlers with. */
export interface PreparesHandlers {
  readonly interceptorsContextCreator: InterceptorsContextCreator;
}

/** Finds the interceptors that Nest calls around the methods of a class, which is built once. */
export function interceptorsAround(
  { instance, host }: InstanceWrapper,
  { interceptorsContextCreator }: PreparesHandlers,
): NestInterceptor[] {
  const handling = instance as Record<string, (...args: unknown[]) => unknown>;
  return new MetadataScanner()
    .getAllMethodNames(Object.getPrototypeOf(handling) as object)
    .flatMap((method) => interceptorsContextCreator.create(handling, handling[method]!, host?.token ?? ''));
}

/** Finds the interceptors that were given to an application itself. */
export function globalInterceptors(modules: ModulesContainer): readonly NestInterceptor[] {
  const [creator] = [...modules.values()].flatMap(({ providers }) => providers.get(ExternalContextCreator) ?? []);
  const { interceptorsContextCreator } = creator!.instance as PreparesHandlers;
  return interceptorsContextCreator.getGlobalMetadata<NestInterceptor[]>();
}
