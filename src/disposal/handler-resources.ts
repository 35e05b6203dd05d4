import type { InjectionToken } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import type { Acquire, ResourceRequest } from './compiled-resource.js';
import type { DisposalPlan } from './disposal-plan.js';
import { tokenName } from './provide-resource.js';
import { UnknownResourceError } from '../errors/errors.js';
import { handlersOf } from '../nest/handlers.js';
import { visibleProvider } from '../nest/injector.js';

/** The resources that route handlers name with `@Resource()`, compiled at start-up for each module. */
export class HandlerResources {
  readonly #acquire = new Map<string, Map<InjectionToken, Acquire>>();

  /** `resourceFactory` is what `@Resource()` has left with each parameter. @throws UNKNOWN_RESOURCE */
  constructor(plan: DisposalPlan, modules: ModulesContainer, resourceFactory: unknown) {
    for (const { module, moduleKey, controllerName, method, parameters } of handlersOf(modules)) {
      for (const { factory, data } of Object.values(parameters)) {
        if (factory !== resourceFactory) continue;
        const token = data as InjectionToken;
        const wrapper = visibleProvider(module, token);
        const handler = `${controllerName}.${method}() of ${module.name}`;
        if (!wrapper) throw new UnknownResourceError(tokenName(token), handler);
        const compiled = this.#acquire.get(moduleKey) ?? new Map<InjectionToken, Acquire>();
        compiled.set(token, plan.compile(wrapper));
        this.#acquire.set(moduleKey, compiled);
      }
    }
  }

  acquire(moduleKey: string, token: InjectionToken, request: ResourceRequest): unknown {
    return this.#acquire.get(moduleKey)!.get(token)!(request);
  }
}
