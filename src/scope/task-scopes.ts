import { Injectable, type InjectionToken, Scope, type Type } from '@nestjs/common';
import { type ContextId, ModuleRef } from '@nestjs/core';
import type { JsonValue } from '../contracts/task-envelope.js';
import { InvalidOptionError } from '../errors/errors.js';
import { type Check, checkAll } from '../options/checks.js';
import { asyncContext } from '../tasks/async-context.js';
import { BackgroundTasks } from '../tasks/background-tasks.js';
import { providedByModule } from '../tasks/registration.js';
import { contextOf, currentParent } from './scope-events.js';
import type { RequestScope } from './request-scope.js';
import { RequestScopes } from './request-scopes.js';
import { attachScopeSource, createContext, sourceOf } from './scope-source.js';
import { runUnit } from './unit-of-work.js';

/** Argument of the function given to `TaskScopes.run()`. Injected as `REQUEST` in the unit of work. */
export interface TaskScope {
  /** The context that `run()` was given, such as the tenant that the work is for. */
  readonly context: JsonValue | undefined;
  /** The tasks of this unit of work; they run when the function has ended. */
  readonly tasks: BackgroundTasks;
  /** Resolves a provider of any scope; request-scoped ones live as long as this unit of work. */
  readonly resolve: <T>(token: Type<T> | InjectionToken<T>) => Promise<T>;
}

/** Options of `TaskScopes.run()`. */
export interface TaskScopeOptions {
  /**
   * Data of the work, such as the tenant that it is for: JSON, as a payload is. A strategy for durable providers finds it
   * in the scope, and the named tasks that the work enqueues take it along, in place of what `captureContext` returns.
   * @default the context of the named task that runs the work, if one does.
   */
  readonly context?: JsonValue;
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
   * @throws INVALID_OPTION; SHUTTING_DOWN once the application has drained
   */
  async run<T>(work: (scope: TaskScope) => T | Promise<T>, options?: TaskScopeOptions): Promise<T> {
    if (typeof work !== 'function') throw new InvalidOptionError('work', work, 'Give the function that does the work.');
    this.scopes.plan.scanOnce();
    // A unit of work within a task is a part of the task.
    const task = asyncContext.getStore()?.task;
    const given = options === undefined ? undefined : checkOptions(options).context;
    const context = given === undefined ? task?.context : given;
    const unit = { context } as MutableTaskScope;
    const begunIn = this.scopes.engine.events.scopeOpened.isHeard ? currentParent() : undefined;
    const scope = this.scopes.create({
      kind: 'unit',
      begunIn,
      description: 'a unit of work',
      canDelayResponse: false,
      request: unit,
      context,
    });
    return runUnit(scope, async () => {
      await this.#prepare(unit, scope);
      if (!this.scopes.usesRef) return work(unit);
      return asyncContext.run(contextOf(scope, unit.tasks, task), work, unit);
    });
  }

  async #prepare(unit: MutableTaskScope, scope: RequestScope): Promise<void> {
    let contextId: ContextId | undefined;
    const resolve = async <V>(token: InjectionToken<V>): Promise<V> => {
      const isSingleton = this.moduleRef.introspect(token as Type<V>).scope === Scope.DEFAULT;
      if (isSingleton) return this.moduleRef.get<V>(token, { strict: false });
      contextId ??= createContext(unit, scope, this.moduleRef);
      return this.moduleRef.resolve<V>(token, contextId, { strict: false });
    };
    unit.resolve = resolve;
    // A caller may register it in a context of its own.
    attachScopeSource(unit, sourceOf(scope));
    const isOverridden = this.scopes.areTasksOverridden;
    unit.tasks = isOverridden ? await resolve(BackgroundTasks as InjectionToken<BackgroundTasks>) : scope.tasks;
  }
}

providedByModule(TaskScopes);

/** That it is JSON is checked where a named task takes it along. */
const json: Check<NonNullable<JsonValue>> = (_option, value) => value as NonNullable<JsonValue>;

function checkOptions(options: TaskScopeOptions): TaskScopeOptions {
  return checkAll<TaskScopeOptions>('TaskScopes.run', options, { context: json });
}

type MutableTaskScope = { -readonly [K in keyof TaskScope]: TaskScope[K] };
