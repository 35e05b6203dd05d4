import type { ModulesContainer } from '@nestjs/core';
import type { BatchOptions } from '../contracts/batch-options.js';
import { DuplicateTaskError, UnknownTaskError, WrongHandlerError } from '../errors/named-task-errors.js';
import { safely } from '../errors/safely.js';
import { type InstanceWrapper, wrappersOf } from '../nest/injector.js';
import type { TaskDefinition } from '../tasks/task-definition.js';
import { handledBy } from './task-handler.decorator.js';

/** The handlers of the application by the names of their tasks: the only way from a name to code. */
export class TaskRegistry {
  #tasks: ReadonlyMap<string, RegisteredTask> = new Map();
  #names: ReadonlySet<string> = new Set();
  #batches: ReadonlyMap<string, BatchOptions> = new Map();

  /**
   * Reads them from the providers of all modules. Called at start-up, and again when modules were loaded lazily.
   *
   * @throws DUPLICATE_TASK
   */
  explore(modules: ModulesContainer): void {
    const found = new Map<string, RegisteredTask>();
    const wrappers = [...wrappersOf(modules)];
    const hasDurable = wrappers.some(({ durable }) => durable);
    for (const handler of wrappers) {
      const definition = handler.isAlias ? undefined : (handledBy(handler.token) ?? handledBy(handler.metatype));
      if (!definition) continue;
      const other = found.get(definition.name);
      if (other) throw new DuplicateTaskError(definition.name, [other.handler, handler].map(nameWithModule));
      const asksForTenant = hasDurable && !handler.isDependencyTreeStatic();
      found.set(definition.name, { definition, handler, asksForTenant });
    }
    this.#tasks = found;
    this.#names = new Set(found.keys());
    this.#batches = new Map(
      [...found].flatMap(
        ([
          name,
          {
            definition: { batch },
          },
        ]) => (batch ? [[name, batch]] : []),
      ),
    );
  }

  /** Called once everything has been built. @throws WRONG_HANDLER */
  checkHandlers(): void {
    for (const { definition, handler } of this.#tasks.values()) {
      const { name, batch } = definition;
      if (isWrong(handler, batch ? 'runBatch' : 'run', batch ? 'run' : 'runBatch')) {
        throw new WrongHandlerError(name, nameWithModule(handler), batch !== undefined);
      }
    }
  }

  get definitions(): TaskDefinition[] {
    return [...this.#tasks.values()].map(({ definition }) => definition);
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  get batches(): ReadonlyMap<string, BatchOptions> {
    return this.#batches;
  }

  /** @throws UNKNOWN_TASK */
  get(name: string): RegisteredTask {
    const task = this.#tasks.get(name);
    if (!task) throw new UnknownTaskError(name);
    return task;
  }
}

/**
 * Whether a handler lacks its method. That of a request-scoped one may be a property, which only an instance has: then
 * it is wrong if it has the other.
 */
function isWrong(handler: InstanceWrapper, method: string, other: string): boolean {
  const instance: unknown = handler.instance;
  if (typeof instance !== 'object' || instance === null) return false;
  const has = (name: string) => typeof (instance as Record<string, unknown>)[name] === 'function';
  return safely(() => !has(method) && (handler.isDependencyTreeStatic() || has(other)), false);
}

function nameWithModule({ name, host }: InstanceWrapper): string {
  return `${String(name)} of ${host!.name}`;
}

/** A task that this application can run. */
export interface RegisteredTask {
  readonly definition: TaskDefinition;
  /** The provider of its handler. */
  readonly handler: InstanceWrapper;
  /** Whether the strategy for durable providers is asked for each run, and so has to know whose it is. */
  readonly asksForTenant: boolean;
}
