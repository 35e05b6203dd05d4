import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { OutsideScopeError } from '../errors/errors.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import { exchangeOf } from './http-exchange.js';

/**
 * Gives a route handler the {@link BackgroundTasks} of its request. Unlike constructor injection,
 * it leaves the controller a singleton, and a request costs several times less.
 *
 * @throws OUTSIDE_SCOPE, SHUTTING_DOWN, when the handler is called
 */
export const Tasks: () => ParameterDecorator = createParamDecorator(
  (_: undefined, context: ExecutionContext): BackgroundTasks => {
    const exchange = exchangeOf(context.getArgByIndex(0));
    if (!exchange) throw new OutsideScopeError('@Tasks()');
    return exchange.tasks;
  },
);
