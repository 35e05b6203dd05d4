import type { QueuedTask } from '../tasks/queued-task.js';

/** The waiting tasks of one request, first in, first out. Taking the first of many does not move the others. */
export class WaitingLine {
  /** Those before `#first` have left. */
  readonly #tasks: (QueuedTask | undefined)[] = [];
  #first = 0;

  get length(): number {
    return this.#tasks.length - this.#first;
  }

  push(task: QueuedTask): void {
    this.#tasks.push(task);
  }

  shift(): QueuedTask | undefined {
    const task = this.#tasks[this.#first];
    if (!task) return undefined;
    this.#tasks[this.#first++] = undefined;
    if (this.#first === this.#tasks.length) this.#first = this.#tasks.length = 0;
    return task;
  }

  /** Takes one out of the middle. Returns whether it was there. */
  remove(task: QueuedTask): boolean {
    const index = this.#tasks.indexOf(task);
    if (index === -1) return false;
    this.#tasks.splice(index, 1);
    return true;
  }

  takeAll(): QueuedTask[] {
    const tasks = this.toArray();
    this.#first = this.#tasks.length = 0;
    return tasks;
  }

  toArray(): QueuedTask[] {
    return this.#tasks.slice(this.#first) as QueuedTask[];
  }
}
