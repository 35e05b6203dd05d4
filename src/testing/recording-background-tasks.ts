import type { TaskOutcome } from '../contracts/task-outcome.js';
import type { TaskReport } from '../contracts/task-report.js';
import { TaskNotRecordedError, TasksFailedError } from './testing-errors.js';
import { TaskEngine } from '../execution/task-engine.js';
import { TaskQueue } from '../execution/task-queue.js';
import { resolveModuleOptions } from '../options/module-options.js';
import { noTaskOptions } from '../options/task-options.js';
import type { BackgroundTasks } from '../tasks/background-tasks.js';
import type { RecordedNamedTask, RecordedTask } from './recorded-task.js';
import { Recording } from './recording.js';
import { RecordingTasks } from './recording-tasks.js';

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
export class RecordingBackgroundTasks extends RecordingTasks {
  readonly #recording: Recording;
  readonly #engine = new TaskEngine(resolveModuleOptions({}));

  constructor() {
    const recording = new Recording();
    super(recording, noTaskOptions);
    this.#recording = recording;
  }

  /** What was added and not cancelled, run or cleared, in order. */
  get added(): readonly RecordedTask[] {
    return this.#recording.added;
  }

  /**
   * What was enqueued and not cancelled or cleared, in order. It goes nowhere, but payload, options,
   * idempotency keys and `dedupe` are treated as in an application with default options and without
   * a backend. That there is a handler is not checked.
   */
  get enqueued(): readonly RecordedNamedTask[] {
    return this.#recording.enqueued;
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
    for (let batch = this.#recording.takeAdded(); batch.length > 0; batch = this.#recording.takeAdded()) {
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
}
