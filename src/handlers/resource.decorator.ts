import { createParamDecorator, type ExecutionContext, type InjectionToken } from '@nestjs/common';
import { tokenName } from '../disposal/provide-resource.js';
import { OutsideScopeError } from '../errors/errors.js';
import { unitOf } from './current-unit.js';
import { needsModuleInHandlers } from './handlers-need-module.js';

/**
 * Gives a route handler the resource that `provideResource({ provide: token })` stands for, without making its
 * controller request-scoped. It is the instance that constructor injection of the token gives in this request, in the
 * module of the route.
 *
 * @throws UNKNOWN_RESOURCE at start-up, if nothing visible to the controller provides the token; NOT_REGISTERED,
 * without `BackgroundTasksModule`
 */
export const Resource = (token: InjectionToken): ParameterDecorator => decorate(token);

/**
 * Nest keeps the factory with each parameter, which shows at start-up where the decorator is used. In routes
 * {@link resourceFactoryIn} takes its place, because one controller class may stand in several modules.
 */
export const resourceFactory = (token: InjectionToken): never => {
  throw new OutsideScopeError(nameOf(token), 'handler');
};

/** Returns the factory for the routes of one module. */
export const resourceFactoryIn =
  (moduleKey: string) =>
  (token: InjectionToken, context: ExecutionContext): unknown => {
    const unit = unitOf(context);
    if (!unit) return resourceFactory(token);
    return unit.scopes.resources!.acquire(moduleKey, token, unit);
  };

const decorate = createParamDecorator(resourceFactory);

needsModuleInHandlers(resourceFactory, (token) => nameOf(token as InjectionToken));

function nameOf(token: InjectionToken): string {
  return `@Resource(${tokenName(token)})`;
}
