import type { ObservedTask } from '../contracts/task-events.js';

/**
 * Names tasks in labels. A named task has its name: there are as many as definitions. The names of functions may be
 * computed, so that only the first of them have labels of their own.
 */
export class TaskLabels {
  readonly #functions = new Set<string>();

  constructor(private readonly maxFunctions: number) {}

  of({ isNamed, name }: ObservedTask): string {
    if (isNamed || this.#functions.has(name)) return name;
    if (this.#functions.size >= this.maxFunctions) return 'other';
    this.#functions.add(name);
    return name;
  }
}
