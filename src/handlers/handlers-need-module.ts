import { handlersOf } from '../nest/handlers.js';
import { needsModule } from '../tasks/registration.js';

/** Stops an application at start-up that has a parameter decorated with this factory, and no BackgroundTasksModule. */
export function needsModuleInHandlers(factory: unknown, describe: (data: unknown) => string): void {
  needsModule((modules) => {
    for (const { module, controllerName, method, parameters } of handlersOf(modules)) {
      const found = Object.values(parameters).find((parameter) => parameter.factory === factory);
      if (found) return `${describe(found.data)} in ${controllerName}.${method}() of ${module.name}`;
    }
    return undefined;
  });
}
