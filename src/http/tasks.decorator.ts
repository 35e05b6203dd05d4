import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { currentExchange } from './find-exchange.js';

/**
 * Gives a route handler the {@link BackgroundTasks} of its request. Unlike constructor injection,
 * it leaves the controller a singleton, and a request costs several times less.
 *
 * @throws OUTSIDE_SCOPE, SHUTTING_DOWN, when the handler is called
 */
export const Tasks: () => ParameterDecorator = createParamDecorator(
  (_: undefined, context: ExecutionContext): BackgroundTasks => currentExchange(context, '@Tasks()').tasks,
);
