import { LazyModuleLoader, type ModulesContainer } from '@nestjs/core';
import type { Module } from '@nestjs/core/internal';

export type { Module };

/**
 * Makes the shutdown hooks of a module run before those of all others, and its start-up hooks after them. Nest orders
 * modules by their distance from the root; global ones are the farthest.
 */
export function closeFirst(module: Module): void {
  module.distance = -1;
}

/**
 * Calls back each time after modules have been loaded lazily. Called once everything has been built. The loader is not
 * injected: whoever injects it may load modules.
 */
export function afterLazyLoading(modules: ModulesContainer, loaded: () => void): void {
  const [found] = [...modules.values()].flatMap(({ providers }) => providers.get(LazyModuleLoader) ?? []);
  const loader = found!.instance as LazyModuleLoader;
  const load = loader.load.bind(loader);
  loader.load = async (...args) => {
    const moduleRef = await load(...args);
    loaded();
    return moduleRef;
  };
}

/** Whether the application was made by `Test.createTestingModule()`. */
export function isTestingModule(modules: ModulesContainer): boolean {
  return [...modules.values()].some(({ name }) => name === 'RootTestModule');
}
