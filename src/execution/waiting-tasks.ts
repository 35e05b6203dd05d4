import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { isDue } from './run-condition.js';
import type { Semaphore } from './semaphore.js';

/**
 * The waiting tasks of one request, first in, first out, and their permits to wait. Named tasks are among them, but not
 * ready until the backend has them run in this process.
 */
export class WaitingTasks {
  /** Those before `#first` have left. So taking the first of many does not move the others. */
  #tasks: (QueuedTask | undefined)[] = NONE;
  #first = 0;
  #ready = 0;
  #withoutPermit = 0;

  constructor(private readonly permits: Semaphore) {}

  get length(): number {
    return this.#tasks.length - this.#first;
  }

  /** The number of tasks that may start. */
  get ready(): number {
    return this.#ready;
  }

  /** Whether some tasks may not start yet. */
  get hasUnready(): boolean {
    return this.length > this.#ready;
  }

  /** Whether tasks wait without a permit. */
  get needPermits(): boolean {
    return this.#withoutPermit > 0;
  }

  /** The named tasks that are to be handed over now, at this outcome. */
  due(outcome: TaskOutcome | undefined): readonly QueuedTask[] {
    return this.hasUnready ? this.toArray().filter((task) => isDue(task, outcome)) : NONE;
  }

  /** Those that are not being handed over. */
  get notHandedOver(): readonly QueuedTask[] {
    const tasks = this.toArray();
    return this.hasUnready ? tasks.filter(({ stage }) => stage !== 'handed-over') : tasks;
  }

  toArray(): QueuedTask[] {
    return this.#tasks.slice(this.#first) as QueuedTask[];
  }

  /** Adds a task at the end, if there is a permit for it or if it may wait for one. Returns whether it did. */
  add(task: QueuedTask, mayLackPermit: boolean): boolean {
    task.hasPermit = this.#withoutPermit === 0 && this.permits.tryAcquire();
    // One request that exceeds the limit alone would wait for ever.
    if (!task.hasPermit && !(mayLackPermit && this.length < this.permits.permits)) return false;
    this.#push(task);
    return true;
  }

  /** Takes an earlier task out and adds another at the end with its permit, which nobody else gets in between. */
  replace(earlier: QueuedTask, task: QueuedTask): void {
    task.hasPermit = earlier.hasPermit;
    if (earlier.hasPermit) this.#withoutPermit++;
    earlier.hasPermit = false;
    this.#push(task);
    this.remove(earlier);
  }

  /** Resolves once each task has a permit. */
  async acquirePermits(): Promise<void> {
    for (const task of this.toArray()) this.#releasePermit(task);
    const permits = this.length;
    this.#withoutPermit = permits;
    await new Promise<void>((granted) => this.permits.acquire({ granted }, permits));
    const tasks = this.toArray().slice(0, permits);
    for (const task of tasks) task.hasPermit = true;
    // Tasks that were cancelled meanwhile need no permit.
    if (tasks.length < permits) this.permits.release(permits - tasks.length);
    this.#withoutPermit = this.length - tasks.length;
  }

  /** Adds a task that has left another queue, with the permit that it holds. */
  receive(task: QueuedTask): void {
    this.#push(task);
  }

  markReady(task: QueuedTask): void {
    if (task.stage === 'ready') return;
    task.stage = 'ready';
    this.#ready++;
  }

  /** Takes the first one out that may start. One that waits in another queue from then on keeps its permit. */
  shift(): QueuedTask | undefined {
    const task = this.#tasks[this.#first];
    if (task?.stage === 'ready') {
      this.#tasks[this.#first++] = undefined;
      if (this.#first === this.#tasks.length) this.#clear();
      this.#left(task, task.next !== undefined);
      return task;
    }
    const ready = this.#ready > 0 ? this.toArray().find(({ stage }) => stage === 'ready') : undefined;
    if (ready) this.remove(ready, ready.next !== undefined);
    return ready;
  }

  /** Takes one out. Returns whether it was there. */
  remove(task: QueuedTask, keepsPermit = false): boolean {
    const index = this.#tasks.indexOf(task, this.#first);
    if (index === -1) return false;
    this.#tasks.splice(index, 1);
    this.#left(task, keepsPermit);
    return true;
  }

  #push(task: QueuedTask): void {
    // A pushed-to array reserves room for sixteen; most requests have one task.
    if (this.#tasks.length === 0) this.#tasks = [task];
    else this.#tasks.push(task);
    if (task.stage === 'ready') this.#ready++;
    if (!task.hasPermit) this.#withoutPermit++;
  }

  #clear(): void {
    this.#tasks = NONE;
    this.#first = 0;
  }

  #left(task: QueuedTask, keepsPermit: boolean): void {
    if (task.stage === 'ready') this.#ready--;
    if (!keepsPermit || !task.hasPermit) this.#releasePermit(task);
  }

  #releasePermit(task: QueuedTask): void {
    if (task.hasPermit) {
      task.hasPermit = false;
      this.permits.release();
    } else {
      this.#withoutPermit--;
    }
  }
}

/** Nobody writes to it. */
const NONE: QueuedTask[] = [];
