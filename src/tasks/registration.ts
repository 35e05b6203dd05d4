import type { ModulesContainer } from '@nestjs/core';
import { NotRegisteredError } from '../errors/set-up-errors.js';
import { beforeInit } from '../nest/before-init.js';
import { explainMissing, isProvided } from '../nest/missing-providers.js';
import { BackgroundTasks } from './background-tasks.js';
import { BackgroundTasksRef } from './background-tasks-ref.js';

/** Whether the application imports `BackgroundTasksModule.forRoot()`, or provides its own `BackgroundTasks`. */
function isRegistered(modules: ModulesContainer): boolean {
  return isProvided(modules, BackgroundTasks);
}

/** Explains, at start-up, why Nest finds no provider for a token of BackgroundTasksModule. */
export function providedByModule(token: { readonly name: string }): void {
  explainMissing(token as never, ({ dependent, modules }) => {
    // It is registered, and not global: the error of Nest names the module that has to import it.
    if (isProvided(modules, token as never)) return undefined;
    const problem = `${dependent} injects ${token.name}, but BackgroundTasksModule is not registered`;
    return new NotRegisteredError(problem, REGISTRATION);
  });
}

/**
 * Stops an application at start-up that has something for which it needs BackgroundTasksModule, and no such module.
 * `find` names the first of them.
 */
export function needsModule(find: (modules: ModulesContainer) => string | undefined): void {
  beforeInit((modules) => {
    const found = isRegistered(modules) ? undefined : find(modules);
    if (found === undefined) return;
    throw new NotRegisteredError(`${found} needs BackgroundTasksModule, which is not registered`, REGISTRATION);
  });
}

/** The import that everything needs. */
export const REGISTRATION = 'BackgroundTasksModule.forRoot()';

providedByModule(BackgroundTasks);
providedByModule(BackgroundTasksRef);

needsModule((modules) => {
  const found = inProviders(modules, BackgroundTasksRef);
  return found && `BackgroundTasksRef in the providers of ${found}`;
});

// Many add it to `providers`, because it can be injected. Nest would build an object without methods.
beforeInit((modules) => {
  const found = inProviders(modules, BackgroundTasks);
  if (found === undefined) return;
  throw new NotRegisteredError(
    `BackgroundTasks is in the providers of ${found}. Remove it there. BackgroundTasksModule provides it`,
    REGISTRATION,
  );
});

/** Returns the name of a module whose `providers` hold the class itself. */
function inProviders(modules: ModulesContainer, type: unknown): string | undefined {
  const found = [...modules.values()].find(({ providers }) => providers.get(type as never)?.metatype === type);
  return found?.name;
}
