import { type FactoryProvider, type InjectionToken, Scope } from '@nestjs/common';
import { nameOf } from '../errors/describe-value.js';
import { InvalidOptionError, OutsideScopeError } from '../errors/errors.js';
import { safely } from '../errors/safely.js';
import { type Check, checkAll, oneOf } from '../options/checks.js';
import { OWN_DEPENDENCIES, RESOURCE, type ResourceDefinition } from './resource-definition.js';
import type { InjectedValues, ResourceDependency, ResourceProvider, ResourceValue } from './resource-provider.js';

/**
 * Makes a provider with a life: one instance per request, given back when the request is over. The handler's error is
 * thrown in at the `yield`, so that a transaction can roll back. A task's error is not: the client has its answer by
 * then.
 *
 * @throws INVALID_OPTION; at start-up RESOURCE_RELEASE_ORDER, RESOURCE_CIRCLE; when acquired RESOURCE_YIELDED_NOTHING,
 * OUTSIDE_SCOPE, SCOPE_CLOSED; when released RESOURCE_YIELDED_TWICE, DISPOSE_TIMEOUT
 */
export function provideResource<
  T extends ResourceValue<Token>,
  const Token extends InjectionToken,
  const Inject extends readonly ResourceDependency[] = [],
  Params extends unknown[] = InjectedValues<Inject>,
>(provider: ResourceProvider<T, Token, Inject, Params>): FactoryProvider<Promise<T>> {
  const rules = {
    provide: present,
    inject: list,
    useFactory: callable,
    dispose: callable,
    release: oneOf('before-response', 'after-tasks'),
    transaction: callable as Check<NonNullable<ResourceDefinition['transaction']>>,
  };
  const given = checkAll<GivenProvider>('provideResource', provider, rules, ['provide', 'useFactory']);
  const { provide, inject = [], useFactory: create, dispose, release = 'after-tasks', transaction } = given;
  if (transaction && release !== 'before-response') {
    const fix = "Give the resource release: 'before-response': its tasks have to be inserted before the response.";
    throw new InvalidOptionError('provideResource.transaction', transaction, fix);
  }
  const definition: ResourceDefinition = { name: tokenName(provide), release, create, dispose, transaction };
  // Nest calls this only before `init()` and outside a unit of work. Otherwise DisposalPlan supplies the instances.
  const refuse = (): never => {
    throw new OutsideScopeError(`Resource ${definition.name}`, 'injector');
  };
  return {
    provide,
    scope: Scope.REQUEST,
    inject: [...OWN_DEPENDENCIES, ...inject],
    useFactory: Object.assign(refuse, { [RESOURCE]: definition }),
  };
}

export function tokenName(token: InjectionToken): string {
  return typeof token === 'function' ? (nameOf(token) ?? 'anonymous') : safely(() => String(token), 'anonymous');
}

interface GivenProvider {
  readonly provide: InjectionToken;
  readonly inject?: readonly ResourceDependency[];
  readonly useFactory: ResourceDefinition['create'];
  readonly transaction?: NonNullable<ResourceDefinition['transaction']>;
  readonly dispose?: NonNullable<ResourceDefinition['dispose']>;
  readonly release?: 'before-response' | 'after-tasks';
}

const present: Check<InjectionToken> = (option, value) => {
  if (value !== undefined && value !== null) return value as InjectionToken;
  throw new InvalidOptionError(option, value, 'Name the token that stands for the resource.');
};

const list: Check<readonly ResourceDependency[]> = (option, value) => {
  if (Array.isArray(value)) return [...(value as ResourceDependency[])];
  throw new InvalidOptionError(option, value, 'Give an array of tokens, in the order of the parameters of useFactory.');
};

const callable: Check<(...args: unknown[]) => unknown> = (option, value) => {
  if (typeof value === 'function') return value as (...args: unknown[]) => unknown;
  throw new InvalidOptionError(
    option,
    value,
    'Give a function; for useFactory a generator function, or a function with a dispose beside it.',
  );
};
