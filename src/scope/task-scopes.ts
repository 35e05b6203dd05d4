import { Injectable, type InjectionToken, Scope, type Type } from '@nestjs/common';
import { type ContextId, ContextIdFactory, ModuleRef } from '@nestjs/core';
import { ambient } from '../tasks/ambient.js';
import { BackgroundTasks } from '../tasks/background-tasks.js';
import type { RequestScope } from './request-scope.js';
import { RequestScopes } from './request-scopes.js';
import { attachScopeSource } from './scope-source.js';

/** What the function given to `TaskScopes.run()` works with. Injected as `REQUEST` in the unit of work. */
export interface TaskScope {
  /** The tasks of this unit of work; they run when the function has ended. */
  readonly tasks: BackgroundTasks;
  /** Resolves a provider of any scope; request-scoped ones live as long as this unit of work. */
  readonly resolve: <T>(token: Type<T> | InjectionToken<T>) => Promise<T>;
}

/**
 * Gives work that is no request (a cron job, a command, a queue consumer) the life of one: tasks,
 * request-scoped providers and resources, disposed in the same order.
 */
@Injectable()
export class TaskScopes {
  constructor(
    private readonly scopes: RequestScopes,
    private readonly moduleRef: ModuleRef,
  ) {}

  /**
   * Runs `work`, then its tasks, then disposes. Resolves with what `work` returned once all of that
   * is done. If `work` throws, its resources are thrown that error, its `'failure'` and `'always'`
   * tasks run, and the promise rejects with it.
   *
   * @throws SHUTTING_DOWN once the application has drained
   */
  async run<T>(work: (scope: TaskScope) => T | Promise<T>): Promise<T> {
    this.scopes.plan.scanOnce();
    const scope = this.scopes.create({ canHold: false });
    const contextId = ContextIdFactory.create();
    let result: { value: T } | { error: unknown };
    try {
      const unit = await this.#unit(scope, contextId);
      const value = await (this.scopes.usesRef ? ambient.run({ tasks: unit.tasks, task: undefined }, work, unit) : work(unit));
      await scope.beforeResponse();
      result = { value };
    } catch (error) {
      const replaced = scope.fail(error);
      result = { error: replaced ? await replaced : error };
    }
    await new Promise<void>((resolve) => {
      scope.onClosed(resolve);
      scope.end({ aborted: false });
    });
    if ('error' in result) throw result.error;
    return result.value;
  }

  async #unit(scope: RequestScope, contextId: ContextId): Promise<TaskScope> {
    const resolve = async <V>(token: InjectionToken<V>): Promise<V> => {
      const isSingleton = this.moduleRef.introspect(token as Type<V>).scope === Scope.DEFAULT;
      return isSingleton
        ? this.moduleRef.get<V>(token, { strict: false })
        : this.moduleRef.resolve<V>(token, contextId, { strict: false });
    };
    const unit = { resolve } as { -readonly [K in keyof TaskScope]: TaskScope[K] };
    attachScopeSource(unit, { openScope: () => scope });
    attachScopeSource(contextId, { openScope: () => scope });
    this.moduleRef.registerRequestByContextId(unit, contextId);
    unit.tasks = await resolve(BackgroundTasks as InjectionToken<BackgroundTasks>);
    return unit;
  }
}
