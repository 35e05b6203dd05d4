import { createParamDecorator, type ExecutionContext, type InjectionToken } from '@nestjs/common';
import { tokenName } from '../disposal/provide-resource.js';
import { currentExchange } from './find-exchange.js';

/**
 * Gives a route handler the resource that `provideResource({ provide: token })` stands for, without making its
 * controller request-scoped. It is the instance that constructor injection of the token gives in this request.
 *
 * @throws UNKNOWN_RESOURCE at start-up, if nothing visible to the controller provides the token
 */
export const Resource = (token: InjectionToken): ParameterDecorator => decorate(token);

/** Nest keeps the factory with each parameter, which shows at start-up where the decorator is used. */
export const resourceFactory = (token: InjectionToken, context: ExecutionContext): unknown => {
  const exchange = currentExchange(context, `@Resource(${tokenName(token)})`);
  return exchange.exchanges.resources.acquire(context.getClass(), token, exchange);
};

const decorate = createParamDecorator(resourceFactory);
