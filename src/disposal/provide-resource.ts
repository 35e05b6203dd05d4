import { type FactoryProvider, type InjectionToken, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { InvalidOptionError } from '../errors/errors.js';
import { type Check, checkAll, oneOf } from '../options/checks.js';
import { RESOURCE, type ResourceDefinition } from './resource-definition.js';
import { ResourceHolders } from './resource-holder.js';
import type {
  DisposableResourceProvider,
  GeneratorResourceProvider,
  ResourceDependency,
  ResourceValue,
} from './resource-provider.js';

/**
 * A provider with a life: one instance per request, given back when the request is over. The
 * handler's error is thrown in at the `yield`, so that a transaction can roll back; a task's error
 * never is, for the client has been answered by then.
 *
 * @throws INVALID_OPTION; at start-up RESOURCE_RELEASE_ORDER; when acquired RESOURCE_YIELDED_NOTHING, OUTSIDE_SCOPE,
 * SCOPE_CLOSED; when released RESOURCE_YIELDED_TWICE, DISPOSE_TIMEOUT
 */
export function provideResource<
  T extends ResourceValue<Token>,
  const Token extends InjectionToken,
  const Inject extends readonly ResourceDependency[] = [],
>(provider: GeneratorResourceProvider<T, Token, Inject>): FactoryProvider<Promise<T>>;
export function provideResource<
  T extends ResourceValue<Token>,
  const Token extends InjectionToken,
  const Inject extends readonly ResourceDependency[] = [],
>(provider: DisposableResourceProvider<T, Token, Inject>): FactoryProvider<Promise<T>>;
export function provideResource(provider: object): FactoryProvider<Promise<unknown>> {
  const given = checkAll<GivenProvider>('provideResource', provider, {
    provide: present,
    inject: list,
    useFactory: callable,
    dispose: callable,
    release: oneOf('before-response', 'after-tasks'),
  });
  const provide = present('provideResource.provide', given.provide);
  const definition: ResourceDefinition = {
    name: tokenName(provide),
    release: given.release ?? 'after-tasks',
    create: callable('provideResource.useFactory', given.useFactory),
    dispose: given.dispose,
  };
  const open = (request: unknown, holders: ResourceHolders, ...dependencies: unknown[]) =>
    holders.of(request, definition.name).acquire(definition, dependencies) as Promise<unknown>;
  return {
    provide,
    scope: Scope.REQUEST,
    inject: [REQUEST, ResourceHolders, ...(given.inject ?? [])],
    useFactory: Object.assign(open, { [RESOURCE]: definition }),
  };
}

export function tokenName(token: InjectionToken): string {
  return typeof token === 'function' ? token.name : String(token);
}

interface GivenProvider {
  readonly provide?: InjectionToken;
  readonly inject?: readonly ResourceDependency[];
  readonly useFactory?: ResourceDefinition['create'];
  readonly dispose?: NonNullable<ResourceDefinition['dispose']>;
  readonly release?: 'before-response' | 'after-tasks';
}

const present: Check<InjectionToken> = (option, value) => {
  if (value !== undefined && value !== null) return value as InjectionToken;
  throw new InvalidOptionError(option, value, 'Name the token that stands for the resource.');
};

const list: Check<readonly ResourceDependency[]> = (option, value) => {
  if (Array.isArray(value)) return value as ResourceDependency[];
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
