import type { ModulesContainer } from '@nestjs/core';
import { DuplicateTaskError, UnknownTaskError } from '../errors/named-task-errors.js';
import { type InstanceWrapper, wrappersOf } from '../nest/injector.js';
import type { TaskDefinition } from '../tasks/task-definition.js';
import { handledBy } from './task-handler.decorator.js';

/** The handlers of the application by the names of their tasks: the only way from a name to code. */
export class TaskRegistry {
  #tasks: ReadonlyMap<string, RegisteredTask> = new Map();
  #names: ReadonlySet<string> = new Set();

  /**
   * Reads them from the providers of all modules. Called at start-up, and again when modules were loaded lazily.
   *
   * @throws DUPLICATE_TASK
   */
  explore(modules: ModulesContainer): void {
    const found = new Map<string, RegisteredTask>();
    for (const handler of wrappersOf(modules)) {
      const definition = handler.isAlias ? undefined : (handledBy(handler.token) ?? handledBy(handler.metatype));
      if (!definition) continue;
      const other = found.get(definition.name);
      if (other) throw new DuplicateTaskError(definition.name, [other.handler, handler].map(nameWithModule));
      found.set(definition.name, { definition, handler });
    }
    this.#tasks = found;
    this.#names = new Set(found.keys());
  }

  get definitions(): TaskDefinition[] {
    return [...this.#tasks.values()].map(({ definition }) => definition);
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** @throws UNKNOWN_TASK */
  get(name: string): RegisteredTask {
    const task = this.#tasks.get(name);
    if (!task) throw new UnknownTaskError(name);
    return task;
  }
}

function nameWithModule({ name, host }: InstanceWrapper): string {
  return `${String(name)} of ${host!.name}`;
}

/** A task that this application can run. */
export interface RegisteredTask {
  readonly definition: TaskDefinition;
  /** The provider of its handler. */
  readonly handler: InstanceWrapper;
}
