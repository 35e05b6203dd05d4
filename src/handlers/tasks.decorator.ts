import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { currentUnit } from './current-unit.js';
import { needsModuleInHandlers } from './handlers-need-module.js';

/**
 * Gives a route handler the {@link BackgroundTasks} of its request. Unlike constructor injection,
 * it leaves the controller a singleton, and a request costs several times less.
 *
 * @throws OUTSIDE_SCOPE, SHUTTING_DOWN, when the handler is called; NOT_REGISTERED at start-up, without
 * `BackgroundTasksModule`
 */
export const Tasks: () => ParameterDecorator = createParamDecorator(currentTasks);

function currentTasks(_: undefined, context: ExecutionContext): BackgroundTasks {
  return currentUnit(context, '@Tasks()').tasks;
}

needsModuleInHandlers(currentTasks, () => '@Tasks()');
