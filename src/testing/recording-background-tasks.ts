import type { INestApplicationContext } from '@nestjs/common';
import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { TaskReport } from '../contracts/task-report.js';
import { type CheckedTaskOptions, checkTaskOptions, noTaskOptions, type TaskOptions } from '../options/task-options.js';
import { ScopedBackgroundTasks } from '../scope/scoped-background-tasks.js';
import type { BackgroundTask } from '../tasks/background-task.js';
import type {
  FirstOf,
  FunctionArguments,
  MethodArguments,
  MethodName,
  NotInferred,
  TaskCallable,
  TaskTarget,
} from '../tasks/task-arguments.js';
import { readTaskCall, type TaskCall } from '../tasks/task-call.js';
import type { TaskDefinition } from '../tasks/task-definition.js';
import { matches, type Matching } from './matches.js';
import { printedCall, printedExpectation, printedTask } from './printed-call.js';
import type { RecordedNamedTask, RecordedTask } from './recorded-task.js';
import { RecordingScope } from './recording-scope.js';
import { TaskNotRecordedError, TasksFailedError } from './testing-errors.js';

/**
 * Keeps tasks instead of running them:
 *
 * ```ts
 * const recorded = new RecordingBackgroundTasks();
 * Test.createTestingModule({ imports: [AppModule] }).overrideProvider(BackgroundTasks).useValue(recorded);
 * ```
 *
 * All requests of the application share it, whichever way they reach their tasks. It refuses what a request refuses.
 * It does not check that a named task has a handler.
 */
export class RecordingBackgroundTasks extends ScopedBackgroundTasks {
  readonly #scope: RecordingScope;
  readonly #options: CheckedTaskOptions;

  constructor(scope = new RecordingScope(), options: CheckedTaskOptions = noTaskOptions) {
    super(scope, options);
    this.#scope = scope;
    this.#options = options;
  }

  /** The tasks that were added and not cancelled, run or cleared, in order. */
  get added(): readonly RecordedTask[] {
    return this.#scope.added;
  }

  /** The named tasks that were enqueued and not cancelled, run or cleared, in order. They go nowhere. */
  get enqueued(): readonly RecordedNamedTask[] {
    return this.#scope.enqueued;
  }

  /** Returns the same recording, with options: to add tasks with them, or to assert that tasks were added with them. */
  override with(options: TaskOptions): RecordingBackgroundTasks {
    const merged = Object.freeze({ ...this.#options, ...checkTaskOptions(options) });
    return new RecordingBackgroundTasks(this.#scope, merged);
  }

  /** Throws if anything was added or enqueued. @throws TASK_NOT_RECORDED, listing what was */
  assertNothingAdded(): void {
    const all = [...this.added, ...this.enqueued].map(printedTask);
    if (all.length > 0) throw new TaskNotRecordedError(undefined, all);
  }

  /**
   * Throws unless that function (or method) was added, with those arguments where any are named,
   * and with the options given to `with()`: `recorded.with({ runOn: 'always' }).assertAdded(audit)`.
   * Arguments are compared by value; matchers such as `expect.any(String)` are honoured, also inside objects and
   * arrays.
   *
   * @throws TASK_NOT_RECORDED, with what was expected and each task that was added, arguments included
   */
  assertAdded<Target, T extends object = NotInferred, K extends MethodName<T> = MethodName<T>>(
    target: Target & TaskTarget<T>,
    method: K,
    ...args: FirstOf<MethodArguments<T, K>>
  ): void;
  assertAdded<Args extends unknown[], Params = NotInferred, Members = NotInferred>(
    fn: TaskCallable<Args, Params, Members>,
    ...args: FirstOf<FunctionArguments<Args, Params, Members>>
  ): void;
  assertAdded(target: unknown, ...args: unknown[]): void {
    const expected = readTaskCall(target, args);
    const isSame = (task: RecordedTask) => task.fn === expected.fn && task.target === expected.target;
    this.#assertOne(
      { name: expected.name, args: expected.args },
      this.added,
      (task) => isSame(task) && expected.args.every((arg, index) => matches(arg, task.args[index])),
      (task) => ({ args: task.args, note: isSame(task) ? '' : whatDiffers(task, expected) }),
    );
  }

  /**
   * Throws unless a task of that definition was enqueued, with exactly that payload where one is
   * named, and with the options given to `with()`, whether they are of the task or of its definition.
   * Matchers are honoured, as by `assertAdded`: `expect.objectContaining({ orderId })` for a part of it.
   *
   * @throws TASK_NOT_RECORDED, with what was expected and each task that was enqueued, payloads included
   */
  assertEnqueued<Input, Output>(
    definition: TaskDefinition<Input, Output>,
    ...payload: [payload?: NoInfer<Matching<Input>>]
  ): void {
    this.#assertOne(
      { name: definition.name, args: payload },
      this.enqueued,
      (task) => task.definition === definition && (payload.length === 0 || matches(payload[0], task.payload)),
      (task) => ({ args: [task.payload], note: '' }),
    );
  }

  /**
   * Runs what was added, in order, and what that adds, as after a request with this outcome. Named tasks end as
   * `enqueued`. With an `app`, its handlers run them then, in order, each in a unit of work of its own: batches together,
   * the last one of a group after the others, retries after their waits. What a handler adds is recorded, and runs after
   * the handler, by the outcome of that. Resolves with the reports: first of what was added, then of the named tasks that
   * handlers have run.
   *
   * @throws TASKS_FAILED if a task failed, unless `throwOnFailure` is false; UNKNOWN_TASK if the app has no handler for a
   * task, NOT_REGISTERED
   */
  async runAll({
    throwOnFailure = true,
    outcome = { succeeded: true, aborted: false },
    app,
  }: RunAllOptions = {}): Promise<TaskReport[]> {
    const reports = await (app ? this.#scope.runIn(app, outcome) : this.#scope.run(outcome));
    const failed = reports.filter(({ state }) => state === 'failed' || state === 'timed-out');
    if (throwOnFailure && failed.length > 0) throw new TasksFailedError(failed);
    return reports;
  }

  /** Forgets what was added, as between two tests that share an application. */
  clear(): void {
    this.#scope.clear();
  }

  #assertOne<T extends { readonly task: BackgroundTask; readonly options: TaskOptions }>(
    expected: { readonly name: string; readonly args: readonly unknown[] },
    recorded: readonly T[],
    isExpected: (task: T) => boolean,
    describe: (task: T) => { readonly args: readonly unknown[]; readonly note: string },
  ): void {
    const options = Object.entries(this.#options);
    const hasOptions = (task: T) =>
      options.every(([option, value]) => matches(value, task.options[option as keyof TaskOptions]));
    if (recorded.some((task) => isExpected(task) && hasOptions(task))) return;
    const listed = recorded.map((each) => {
      const { args, note } = describe(each);
      // Options that nobody asked about would only hide the difference.
      return printedCall(each.task.name, args, options.length > 0 ? each.options : {}) + note;
    });
    throw new TaskNotRecordedError(printedExpectation(expected.name, expected.args, this.#options), listed);
  }
}

/** Options of `runAll()`. */
export interface RunAllOptions {
  /** Whether a task that failed rejects the call. @default true */
  readonly throwOnFailure?: boolean;
  /** The outcome of the request. @default a success */
  readonly outcome?: TaskOutcome;
  /** The application whose handlers run the named tasks. @default none: they end as `enqueued` */
  readonly app?: INestApplicationContext;
}

/** Says why a task of that name is not the expected one although it may print the same. */
function whatDiffers(task: RecordedTask, expected: TaskCall): string {
  if (task.name !== expected.name) return '';
  return task.fn === expected.fn ? ' of another object' : ' of another function';
}
