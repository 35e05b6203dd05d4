import { type CheckedTaskOptions, checkTaskOptions, noTaskOptions, type TaskOptions } from '../options/task-options.js';
import type { BackgroundTask } from '../tasks/background-task.js';
import { BackgroundTasks } from '../tasks/background-tasks.js';
import { assertDefinition, type TaskDefinition } from '../tasks/define-task.js';
import { type CheckedEnqueueOptions, checkEnqueueOptions, type EnqueueOptions } from '../tasks/enqueue-options.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { checkArguments, readTaskCall, type TaskCall } from '../tasks/task-call.js';

/** The function whose call site is a task's. */
export type Caller = (...args: never[]) => unknown;

/** Takes the tasks of one request. */
export interface TaskIntake {
  readonly waiting: readonly QueuedTask[];
  add(call: TaskCall, options: CheckedTaskOptions, caller: Caller): QueuedTask;
  enqueue(
    definition: TaskDefinition,
    payload: unknown,
    options: CheckedTaskOptions,
    enqueueOptions: CheckedEnqueueOptions,
    caller: Caller,
  ): QueuedTask;
  cancel(task: QueuedTask): boolean;
}

/** The tasks of one request, seen with one set of options. */
export class ScopedBackgroundTasks extends BackgroundTasks {
  readonly #intake: TaskIntake;
  readonly #options: CheckedTaskOptions;

  constructor(intake: TaskIntake, options: CheckedTaskOptions = noTaskOptions) {
    super();
    this.#intake = intake;
    this.#options = options;
  }

  override addTask(target: unknown, ...args: unknown[]): BackgroundTask {
    const call = readTaskCall(target, args);
    checkArguments(call);
    // oxlint-disable-next-line typescript/unbound-method -- named, not called
    return this.#intake.add(call, this.#options, this.addTask);
  }

  override enqueue(definition: TaskDefinition<never>, payload: unknown, options?: EnqueueOptions): BackgroundTask {
    // oxlint-disable-next-line typescript/unbound-method -- named, not called
    const caller = this.enqueue;
    assertDefinition(definition);
    return this.#intake.enqueue(definition, payload, this.#options, checkEnqueueOptions(options), caller);
  }

  override with(options: TaskOptions): BackgroundTasks {
    return new ScopedBackgroundTasks(this.#intake, Object.freeze({ ...this.#options, ...checkTaskOptions(options) }));
  }

  override get pending(): readonly BackgroundTask[] {
    return [...this.#intake.waiting];
  }

  override cancel(name: string): boolean {
    const found = this.#intake.waiting.filter((task) => task.name === name);
    for (const task of found) this.#intake.cancel(task);
    return found.length > 0;
  }
}
