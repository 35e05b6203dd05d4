import type { InjectionToken } from '@nestjs/common';
import type { ModulesContainer, NestContainer } from '@nestjs/core';
import { Injector } from '@nestjs/core/internal';

/**
 * Replaces the error of Nest where something injects the token and nothing provides it, by what `explain` returns.
 * Called where the token is declared: without our modules nothing of this package is built that could look for it.
 */
export function explainMissing(token: InjectionToken, explain: (missing: MissingProvider) => Error | undefined): void {
  explanations.set(token, explain);
}

/** Whether any module provides the token. */
export function isProvided(modules: ModulesContainer, token: InjectionToken): boolean {
  return [...modules.values()].some(({ providers }) => providers.has(token));
}

/** A dependency that Nest did not find. */
export interface MissingProvider {
  /** The provider or controller that injects it, with its module. */
  readonly dependent: string;
  readonly modules: ModulesContainer;
}

const explanations = new Map<unknown, (missing: MissingProvider) => Error | undefined>();

/** Missing in a Nest that is made otherwise, which the start-up check of our module names. */
const lookUp = Injector.prototype.lookupComponentInParentModules as
  Injector['lookupComponentInParentModules'] | undefined;

if (lookUp) {
  Injector.prototype.lookupComponentInParentModules = function lookUpAndExplain(context, module, wrapper, ...rest) {
    const found: Promise<unknown> = lookUp.call(this, context, module, wrapper, ...rest);
    const explain = explanations.get(context.name);
    if (!explain) return found;
    return found.catch((error: unknown) => {
      const { container } = module as unknown as { readonly container: NestContainer };
      const dependent = `${nameOf(wrapper.name)} of ${module.name}`;
      throw explain({ dependent, modules: container.getModules() }) ?? error;
    });
  };
}

function nameOf(token: unknown): string {
  return typeof token === 'function' ? token.name : String(token);
}
