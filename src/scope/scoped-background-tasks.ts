import { type CheckedTaskOptions, checkTaskOptions, noTaskOptions, type TaskOptions } from '../options/task-options.js';
import type { BackgroundTask } from '../tasks/background-task.js';
import { BackgroundTasks } from '../tasks/background-tasks.js';
import type { QueuedTask } from '../tasks/queued-task.js';
import { checkArguments, readTaskCall, type TaskCall } from '../tasks/task-call.js';

/** Takes the tasks of one request. */
export interface TaskIntake {
  readonly waiting: readonly QueuedTask[];
  /** `caller` is the function whose call site is the task's. */
  add(call: TaskCall, options: CheckedTaskOptions, caller: (...args: never[]) => unknown): QueuedTask;
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
