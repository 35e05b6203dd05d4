import { TaskNotRecordedError } from './testing-errors.js';
import { type CheckedTaskOptions, checkTaskOptions, type TaskOptions } from '../options/task-options.js';
import type { BackgroundTask } from '../tasks/background-task.js';
import {
  BackgroundTasks,
  type MethodArguments,
  type MethodName,
  type TaskFunction,
  type TaskTarget,
} from '../tasks/background-tasks.js';
import type { TaskDefinition } from '../tasks/define-task.js';
import { checkEnqueueOptions, type EnqueueOptions } from '../tasks/enqueue-options.js';
import { checkArguments, readTaskCall } from '../tasks/task-call.js';
import { matches, type Matching } from './matches.js';
import type { Recording } from './recording.js';

/** Recorded tasks, seen with one set of options. */
export class RecordingTasks extends BackgroundTasks {
  readonly #recording: Recording;
  readonly #options: CheckedTaskOptions;

  constructor(recording: Recording, options: CheckedTaskOptions) {
    super();
    this.#recording = recording;
    this.#options = options;
  }

  override addTask(target: unknown, ...args: unknown[]): BackgroundTask {
    const call = readTaskCall(target, args);
    checkArguments(call);
    return this.#recording.add(call, this.#options);
  }

  override enqueue<Input, Output>(
    definition: TaskDefinition<Input, Output>,
    payload: NoInfer<Input>,
    options: EnqueueOptions = {},
  ): BackgroundTask {
    return this.#recording.enqueue(definition, payload, this.#options, checkEnqueueOptions(options));
  }

  /** For tasks with options: to add them, or to assert that they were added with these. */
  override with(options: TaskOptions): RecordingTasks {
    return new RecordingTasks(this.#recording, Object.freeze({ ...this.#options, ...checkTaskOptions(options) }));
  }

  override get pending(): readonly BackgroundTask[] {
    return this.#recording.waiting;
  }

  override cancel(name: string): boolean {
    const found = this.pending.filter((task) => task.name === name);
    for (const task of found) task.cancel();
    return found.length > 0;
  }

  /**
   * Throws unless that function (or method) was added, with those arguments where any are named,
   * and with the options given to `with()`: `recorded.with({ runOn: 'always' }).assertAdded(audit)`.
   * Arguments are compared by value; matchers such as `expect.any(String)` are honoured, also inside objects and arrays.
   *
   * @throws TASK_NOT_RECORDED, listing what was added
   */
  assertAdded<F extends TaskFunction>(fn: F, ...args: Partial<Parameters<F>>): void;
  assertAdded<T extends object, K extends MethodName<T>>(
    target: TaskTarget<T>,
    method: K,
    ...args: Partial<MethodArguments<T, K>>
  ): void;
  assertAdded(target: unknown, ...args: unknown[]): void {
    const wanted = readTaskCall(target, args);
    this.#assertOne(
      wanted.name,
      this.#recording.added,
      (task) =>
        task.fn === wanted.fn &&
        task.target === wanted.target &&
        wanted.args.every((arg, index) => matches(arg, task.args[index])) &&
        this.#areOptionsOf(task.options),
    );
  }

  /**
   * Throws unless a task of that definition was enqueued, with exactly that payload where one is
   * named, and with the options given to `with()`, whether they are of the task or of its definition.
   * Matchers are honoured, as by `assertAdded`: `expect.objectContaining({ orderId })` for a part of it.
   *
   * @throws TASK_NOT_RECORDED, listing what was enqueued
   */
  assertEnqueued<Input, Output>(
    definition: TaskDefinition<Input, Output>,
    ...payload: [payload?: NoInfer<Matching<Input>>]
  ): void {
    this.#assertOne(
      definition.name,
      this.#recording.enqueued,
      (task) =>
        task.definition === definition &&
        (payload.length === 0 || matches(payload[0], task.payload)) &&
        this.#areOptionsOf({ ...definition.options, ...task.options, name: definition.name }),
    );
  }

  #areOptionsOf(given: TaskOptions): boolean {
    return Object.entries(this.#options).every(([option, value]) => matches(value, given[option as keyof TaskOptions]));
  }

  #assertOne<T extends { readonly task: BackgroundTask }>(
    name: string,
    recorded: readonly T[],
    isWanted: (task: T) => boolean,
  ) {
    if (recorded.some(isWanted)) return;
    throw new TaskNotRecordedError(
      name,
      recorded.map(({ task }) => task.name),
      Object.keys(this.#options),
    );
  }
}
