import { type FactoryProvider, type InjectionToken, type OptionalFactoryDependency, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import { InvalidOptionError } from '../errors.js';
import { checkAll, type Check, oneOf } from '../options/checks.js';
import { RESOURCE, type ResourceDefinition } from './resource-definition.js';
import { ResourceHolders } from './resource-holder.js';

interface ResourceProviderBase<T> {
  /** The token that constructors and `@Resource(token)` ask for. */
  readonly provide: InjectionToken<T>;
  /** What the factory is called with, in this order. */
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[];
  /**
   * When the resource is given back. @default 'after-tasks', when the tasks of the request have
   * ended. `'before-response'` does it before the first byte, so that a failed commit decides the
   * status; tasks cannot use it then.
   */
  readonly release?: 'before-response' | 'after-tasks';
}

/** A resource whose generator yields the value once: acquire before the `yield`, release after it. */
export interface GeneratorResourceProvider<T> extends ResourceProviderBase<T> {
  useFactory(...dependencies: never[]): AsyncGenerator<T, void, void> | Generator<T, void, void>;
  readonly dispose?: never;
}

/** A resource whose factory returns the value, with a function that gives it back. */
export interface DisposableResourceProvider<T> extends ResourceProviderBase<T> {
  useFactory(...dependencies: never[]): T | Promise<T>;
  /** Gives the value back. `outcome.error` is what the handler threw, if it did. */
  dispose(value: T, outcome: TaskOutcome): unknown;
}

/**
 * A provider with a life: one instance per request, given back when the request is over. The
 * handler's error is thrown in at the `yield`, so that a transaction can roll back; a task's error
 * never is, for the client has been answered by then.
 *
 * @throws INVALID_OPTION; when acquired RESOURCE_YIELDED_NOTHING, when released RESOURCE_YIELDED_TWICE
 */
export function provideResource<T>(
  provider: GeneratorResourceProvider<T> | DisposableResourceProvider<T>,
): FactoryProvider<Promise<T>> {
  const {
    provide,
    inject = [],
    useFactory,
    dispose,
    release,
  } = checkAll<GeneratorResourceProvider<T> | DisposableResourceProvider<T>>('provideResource', provider, {
    provide: present,
    inject: present as Check<readonly (InjectionToken | OptionalFactoryDependency)[]>,
    useFactory: callable as Check<never>,
    dispose: callable as Check<never>,
    release: oneOf('before-response', 'after-tasks'),
  } as never) as DisposableResourceProvider<T>;
  present('provideResource.provide', provide);
  callable('provideResource.useFactory', useFactory);
  const definition: ResourceDefinition = {
    name: tokenName(provide),
    release: release ?? 'after-tasks',
    create: useFactory as ResourceDefinition['create'],
    dispose: dispose as ResourceDefinition['dispose'],
  };
  const open = (request: unknown, holders: ResourceHolders, ...dependencies: unknown[]) =>
    holders.of(request, definition.name).acquire(definition, dependencies) as Promise<T>;
  return {
    provide,
    scope: Scope.REQUEST,
    inject: [REQUEST, ResourceHolders, ...inject],
    useFactory: Object.assign(open, { [RESOURCE]: definition }),
  };
}

export function tokenName(token: InjectionToken): string {
  return typeof token === 'function' ? token.name : String(token);
}

const present: Check<never> = (option, value) => {
  if (value !== undefined && value !== null) return value as never;
  throw new InvalidOptionError(option, value, 'Name the token that stands for the resource.');
};

const callable: Check<never> = (option, value) => {
  if (typeof value === 'function') return value as never;
  throw new InvalidOptionError(
    option,
    value,
    'Give a function; for useFactory a generator function, or a function with a dispose beside it.',
  );
};
