import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { TaskReport } from '../contracts/task-report.js';
import { TaskNotRecordedError, TasksFailedError } from '../errors.js';
import { TaskEngine } from '../execution/task-engine.js';
import { TaskQueue } from '../execution/task-queue.js';
import { resolveModuleOptions } from '../options/module-options.js';
import { type CheckedTaskOptions, checkTaskOptions, noTaskOptions, type TaskOptions } from '../options/task-options.js';
import type { BackgroundTask } from '../tasks/background-task.js';
import {
  BackgroundTasks,
  type MethodArguments,
  type MethodName,
  type TaskFunction,
  type TaskTarget,
} from '../tasks/background-tasks.js';
import type { TaskDefinition } from '../tasks/define-task.js';
import type { EnqueueOptions } from '../tasks/enqueue-options.js';
import { QueuedTask } from '../tasks/queued-task.js';
import { readTaskCall, type TaskCall } from '../tasks/task-call.js';
import { matches } from './matches.js';
import { type RecordedNamedTask, RecordedNamedTasks } from './recorded-named-tasks.js';

/** A task that was added and has not run. */
export interface RecordedTask {
  /** The `name` option, else the name of the function or `Class.method`. */
  readonly name: string;
  /** The function, or the method. */
  readonly fn: (...args: never[]) => unknown;
  /** The object whose method it is; absent for a plain function. */
  readonly target?: object;
  readonly args: readonly unknown[];
  /** What `with()` was given. */
  readonly options: TaskOptions;
  /** The handle that the code under test received. */
  readonly task: BackgroundTask;
}

/** Recorded tasks, seen with one set of options. */
export interface RecordingTasks extends BackgroundTasks {
  /** For tasks with options: to add them, or to assert that they were added with these. */
  with(options: TaskOptions): RecordingTasks;
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
}

/**
 * Keeps tasks instead of running them:
 *
 * ```ts
 * const recorded = new RecordingBackgroundTasks();
 * Test.createTestingModule({ imports: [AppModule] }).overrideProvider(BackgroundTasks).useValue(recorded);
 * ```
 *
 * All requests of the application share it, whichever way they reach their tasks.
 */
export class RecordingBackgroundTasks extends BackgroundTasks implements RecordingTasks {
  readonly #recorded: { readonly record: RecordedTask; readonly queued: QueuedTask }[] = [];
  readonly #named = new RecordedNamedTasks();
  readonly #engine = new TaskEngine(resolveModuleOptions({}));

  /** What was added and not cancelled, run or cleared, in order. */
  get added(): readonly RecordedTask[] {
    return this.#recorded.map(({ record }) => record);
  }

  /** What was enqueued and not cancelled or cleared, in order. It is checked as it would be, and goes nowhere. */
  get enqueued(): readonly RecordedNamedTask[] {
    return this.#named.all;
  }

  override addTask(target: unknown, ...args: unknown[]): BackgroundTask {
    return this.#record(readTaskCall(target, args), noTaskOptions);
  }

  override enqueue(definition: TaskDefinition<never>, payload: unknown, options: EnqueueOptions = {}): BackgroundTask {
    return this.#named.record(definition, payload, noTaskOptions, options);
  }

  override with(options: TaskOptions): RecordingTasks {
    const record = (call: TaskCall, checked: CheckedTaskOptions) => this.#record(call, checked);
    return new RecordingView(this, record, this.#named, checkTaskOptions(options));
  }

  override get pending(): readonly BackgroundTask[] {
    return [...this.#recorded.map(({ queued }) => queued), ...this.#named.all.map(({ task }) => task)];
  }

  override cancel(name: string): boolean {
    const found = this.pending.filter((task) => task.name === name);
    for (const task of found) task.cancel();
    return found.length > 0;
  }

  assertAdded<F extends TaskFunction>(fn: F, ...args: Partial<Parameters<F>>): void;
  assertAdded<T extends object, K extends MethodName<T>>(
    target: TaskTarget<T>,
    method: K,
    ...args: Partial<MethodArguments<T, K>>
  ): void;
  assertAdded(target: unknown, ...args: unknown[]): void {
    assertRecorded(this.added, readTaskCall(target, args), noTaskOptions);
  }

  /**
   * Throws unless a task of that definition was enqueued, with that payload where one is named.
   *
   * @throws TASK_NOT_RECORDED, listing what was enqueued
   */
  assertEnqueued<Input, Output>(definition: TaskDefinition<Input, Output>, ...payload: [Partial<NoInfer<Input>>?]): void {
    this.#named.assertEnqueued(definition, payload);
  }

  /** Throws if anything was added or enqueued. @throws TASK_NOT_RECORDED, listing what was */
  assertNothingAdded(): void {
    const names = this.pending.map(({ name }) => name);
    if (names.length > 0) throw new TaskNotRecordedError(undefined, names);
  }

  /**
   * Runs what was added, in order, and what that adds, as after a request with this outcome.
   * Resolves with the reports.
   *
   * @throws TASKS_FAILED if a task failed, unless `throwOnFailure` is false
   */
  async runAll({
    throwOnFailure = true,
    outcome = { succeeded: true, aborted: false },
  }: { readonly throwOnFailure?: boolean; readonly outcome?: TaskOutcome } = {}): Promise<TaskReport[]> {
    const reports: TaskReport[] = [];
    while (this.#recorded.length > 0) {
      const batch = this.#recorded.splice(0).map(({ queued }) => queued);
      const queue = new TaskQueue(this.#engine);
      for (const queued of batch) queue.add(queued);
      const unit = { tasks: this as BackgroundTasks, outcome, progress: () => undefined, ended: () => undefined };
      await new Promise<void>((resolve) => queue.drain(unit, resolve));
      reports.push(...batch.map((queued) => queued.report()));
    }
    const failed = reports.filter(({ state }) => state === 'failed' || state === 'timed-out');
    if (throwOnFailure && failed.length > 0) throw new TasksFailedError(failed);
    return reports;
  }

  /** Forgets what was added, as between two tests that share an application. */
  clear(): void {
    for (const task of this.pending) task.cancel();
  }

  #record(call: TaskCall, options: CheckedTaskOptions): BackgroundTask {
    const earlier = options.dedupe && this.#recorded.find(({ queued }) => queued.name === (options.name ?? call.name))?.queued;
    if (earlier && options.dedupe === 'keep-first') return earlier;
    if (earlier) this.#withdraw(earlier, 'discarded');
    const queued = new QueuedTask(call, options, false, 0, undefined, { cancel: (task) => this.#withdraw(task, 'cancelled') });
    const { fn, target, args } = call;
    const record = { name: queued.name, fn, args, options, task: queued, ...(target && { target }) };
    this.#recorded.push({ record, queued });
    return queued;
  }

  #withdraw(task: QueuedTask, state: 'cancelled' | 'discarded'): boolean {
    const index = this.#recorded.findIndex(({ queued }) => queued === task);
    if (index === -1) return false;
    this.#recorded.splice(index, 1);
    task.settle(state);
    return true;
  }
}

/** @throws TASK_NOT_RECORDED */
function assertRecorded(added: readonly RecordedTask[], wanted: TaskCall, options: CheckedTaskOptions): void {
  const isWanted = (task: RecordedTask) =>
    task.fn === wanted.fn &&
    task.target === wanted.target &&
    wanted.args.every((arg, index) => matches(arg, task.args[index])) &&
    Object.entries(options).every(([option, value]) => matches(value, task.options[option as keyof TaskOptions]));
  if (added.some(isWanted)) return;
  throw new TaskNotRecordedError(
    wanted.name,
    added.map(({ name }) => name),
    Object.keys(options),
  );
}

/** The recording, seen with one set of options. */
class RecordingView extends BackgroundTasks implements RecordingTasks {
  constructor(
    private readonly recording: RecordingBackgroundTasks,
    private readonly record: (call: TaskCall, options: CheckedTaskOptions) => BackgroundTask,
    private readonly named: RecordedNamedTasks,
    private readonly options: CheckedTaskOptions,
  ) {
    super();
  }

  override addTask(target: unknown, ...args: unknown[]): BackgroundTask {
    return this.record(readTaskCall(target, args), this.options);
  }

  override enqueue(definition: TaskDefinition<never>, payload: unknown, options: EnqueueOptions = {}): BackgroundTask {
    return this.named.record(definition, payload, this.options, options);
  }

  assertAdded(target: unknown, ...args: unknown[]): void {
    assertRecorded(this.recording.added, readTaskCall(target, args), this.options);
  }

  override with(options: TaskOptions): RecordingTasks {
    const both = Object.freeze({ ...this.options, ...checkTaskOptions(options) });
    return new RecordingView(this.recording, this.record, this.named, both);
  }

  override get pending(): readonly BackgroundTask[] {
    return this.recording.pending;
  }

  override cancel(name: string): boolean {
    return this.recording.cancel(name);
  }
}
