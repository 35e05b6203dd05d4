import type { QueuedTask } from '../tasks/queued-task.js';

/** The idempotency keys of the tasks that this process runs or will run. */
export class IdempotencyKeys {
  readonly #holders = new Map<string, QueuedTask>();

  /** Claims the key of a task. Returns whether it has it: of two tasks of one key only one runs. */
  claim(task: QueuedTask): boolean {
    const key = `${task.name} ${task.idempotencyKey}`;
    const holder = this.#holders.get(key);
    if (holder) return holder === task;
    this.#holders.set(key, task);
    void task.settled.then(() => this.#holders.delete(key));
    return true;
  }
}
