import type { InjectionToken } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import type { Acquire, ResourceRequest } from '../disposal/compiled-resource.js';
import type { DisposalPlan } from '../disposal/disposal-plan.js';
import { tokenName } from '../disposal/provide-resource.js';
import { UnknownResourceError } from '../errors/errors.js';
import { handlersOf } from '../nest/handlers.js';
import { visibleProvider } from '../nest/injector.js';
import { resourceFactory } from './resource.decorator.js';

/** The resources that route handlers name with `@Resource()`, compiled at start-up. */
export class HandlerResources {
  readonly #acquire = new Map<unknown, Map<InjectionToken, Acquire>>();

  /** @throws UNKNOWN_RESOURCE */
  constructor(plan: DisposalPlan, modules: ModulesContainer) {
    for (const { module, controller, method, parameters } of handlersOf(modules)) {
      for (const { factory, data } of Object.values(parameters)) {
        if (factory !== resourceFactory) continue;
        const token = data as InjectionToken;
        const wrapper = visibleProvider(module, token);
        if (!wrapper) throw new UnknownResourceError(tokenName(token), `${controller.name}.${method}()`);
        const compiled = this.#acquire.get(controller) ?? new Map<InjectionToken, Acquire>();
        compiled.set(token, plan.compile(wrapper));
        this.#acquire.set(controller, compiled);
      }
    }
  }

  acquire(controller: unknown, token: InjectionToken, request: ResourceRequest): unknown {
    return this.#acquire.get(controller)!.get(token)!(request);
  }
}
