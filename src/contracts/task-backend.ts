import type { BatchOptions } from './batch-options.js';
import type { EndedTask } from './ended-task.js';
import type { CancelAnswer, NamedTaskReport } from './named-task-report.js';
import type { ResolvedRetry } from './retry-options.js';
import type { JsonValue, TaskEnvelope } from './task-envelope.js';
import type { TaskReport } from './task-report.js';
import type { Transaction } from './transaction.js';

/**
 * Carries named tasks. Without one they run in this process. Give one to `forRoot({ backend })`, or provide it
 * in a module with this class as the token.
 */
export abstract class TaskBackend {
  /**
   * Takes a batch. If that takes time, returns a promise, which resolves once all of it is stored safely.
   * Called before the response is sent; an error is answered instead.
   *
   * @throws BACKEND_UNAVAILABLE, if it cannot confirm that it has all of them, BATCH_TOO_LARGE
   */
  abstract accept(batch: readonly EnqueuedTask[]): Promise<void> | void;

  /**
   * Called before the `'before-response'` resources of a request commit: refuses a batch that `accept()` would never
   * take, so that they roll back. Takes every batch unless overridden.
   *
   * @throws BATCH_TOO_LARGE
   */
  checkBatch(_batch: readonly EnqueuedTask[]): void {}

  /**
   * Stores a batch in a transaction of the caller's own: it exists once that has committed, and never if it rolls back.
   * Rejects with the error of the database as it is, because the caller may look for one to try again. A backend
   * without it refuses `enqueueWithin()` with TRANSACTIONS_UNSUPPORTED.
   */
  acceptWithin?(transaction: Transaction, batch: readonly EnqueuedTask[]): Promise<void>;

  /**
   * Whether it takes groups, each of which is in one batch: a task with a `group` in the context of its envelope begins
   * once all of those have ended, failed ones included. A backend that does not refuses `enqueueGroup()` with GROUPS_UNSUPPORTED.
   */
  readonly takesGroups: boolean = false;

  /**
   * Checks the settings of a definition, when the application starts, and of a call of `enqueue`. `path` is what
   * errors call them. Accepts all of them unless overridden.
   *
   * @throws INVALID_OPTION
   */
  checkSettings(_path: string, _settings: BackendSettings): void {}

  /**
   * Called by `enqueue`: refuses at once while it is known that nothing can be accepted. @throws BACKEND_UNAVAILABLE
   */
  assertReady(): void {}

  /**
   * Called once, before {@link start}: from now on tells the listener when tasks cannot be accepted any more, and when
   * they can again. If they cannot now, tells it at once. Tells nothing unless overridden.
   */
  watch(_listener: BackendListener): void {}

  /** Returns its health, for a health endpoint. Never rejects, and takes a few seconds at most. `up` unless overridden. */
  health(): Promise<BackendHealth> | BackendHealth {
    return { status: 'up', reasons: [] };
  }

  /**
   * Finds a task that any process has enqueued, by its id. Resolves with `undefined` if there is none, or none any more.
   * Takes a few seconds at most. A backend without it has nothing to tell.
   *
   * @throws BACKEND_UNAVAILABLE
   */
  findTask?(id: string): Promise<NamedTaskReport | undefined>;

  /**
   * Tells the listener of the tasks whose reports may have changed, in whichever process that happens, until the returned
   * function is called: by the id of the task or of its job, or without an id if any of them may have. It may miss some:
   * reports that are watched are also read again from time to time, as are those of a backend without it.
   */
  watchTasks?(changed: (id?: string) => void): () => void;

  /**
   * Cancels a task that any process has enqueued, as {@link CancelAnswer} says. Takes a few seconds at most. A backend
   * without it knows no task.
   *
   * @throws BACKEND_UNAVAILABLE
   */
  cancelTask?(id: string): Promise<CancelAnswer>;

  /** Called once the application is built: from now on `runner` can run what was accepted, here or elsewhere. */
  start(_runner: NamedTaskRunner): Promise<void> | void {}

  /** Called after {@link start}, when modules were loaded lazily: the runner may know more names. */
  handlersLoaded(): void {}

  /** Called when the application begins to drain: starts no more jobs. What runs is waited for elsewhere. */
  pause(): Promise<void> | void {}
}

/** Hears from a backend whether it accepts tasks. Each call counts only if it changes that. */
export interface BackendListener {
  /** The backend accepts no tasks. The reason is shown to people, and must not hold a secret. */
  lost(reason: string): void;
  /** The backend accepts tasks again. */
  back(): void;
}

/** The health of a backend. */
export interface BackendHealth {
  /**
   * `down`: tasks are refused, or run in this process where `fallback` says so. `degraded`: they are accepted, and the
   * server may lose them, refuses some of them, or refuses the worker.
   */
  readonly status: 'up' | 'degraded' | 'down';
  /** The faults and how to mend them; empty when there are none. */
  readonly reasons: readonly string[];
}

/** A named task as a backend is given it. */
export interface EnqueuedTask {
  readonly envelope: TaskEnvelope;
  /** Tasks of one name and key are one task. */
  readonly idempotencyKey: string | undefined;
  readonly retry: ResolvedRetry | undefined;
  /** The settings of its definition, with those of the call on top; checked. */
  readonly settings: BackendSettings;
  /** The id of the task that waits for this one and others of its group; absent if none does. */
  readonly before?: string | undefined;
  /** The batches of its definition. Absent if its tasks run one by one. */
  readonly batch?: BatchOptions | undefined;
  /**
   * Has it run in this process, in the queue of its own request, instead of on the backend. Ignored once `accept()` has
   * ended.
   */
  runHere(): void;
}

/** Runs named tasks for a backend. */
export interface NamedTaskRunner {
  /** The names that this version of the application has handlers for. */
  readonly names: ReadonlySet<string>;
  /** Those of them whose tasks run in batches. A batch is no larger than the number of its tasks that run at a time. */
  readonly batches: ReadonlyMap<string, BatchOptions>;
  /**
   * Runs the handler once, as a unit of work with providers, tasks and disposal of its own. A failure of the task is
   * in the result. Observes the time limit and the shutdown; further attempts are the backend's. A task of a batch
   * waits for others first.
   *
   * @throws UNKNOWN_TASK, for a name that is not known
   */
  run(envelope: TaskEnvelope, attempt: NamedTaskAttempt): Promise<NamedTaskResult>;

  /** Aborts the signals of a task that runs here. Unless it succeeds all the same, it ends as `cancelled`. */
  cancel(id: string): void;
}

/** One attempt at a named task, as the backend sees it. */
export interface NamedTaskAttempt {
  /** 1 for the first. */
  readonly number: number;
  /** Receives what the handler says through `currentTask().progress()`. */
  readonly progressed: (value: unknown) => void;
  /** Whether the backend makes another attempt when this one ends with that error. @default never */
  readonly willRetry?: (error: unknown) => boolean;
  /** The tasks that it waited for, as they have ended, if it is the `then` of a group. */
  readonly group?: readonly EndedTask[] | undefined;
}

/** The end of an attempt. */
export interface NamedTaskResult {
  readonly report: TaskReport;
  /** The value that the handler returned, as JSON shows it. */
  readonly result?: JsonValue | undefined;
  /** Whether our own shutdown ended it. Then the task has not failed, and another process has to run it. */
  readonly interruptedByShutdown: boolean;
}

/**
 * Settings for the backend, in a definition and in a call of `enqueue`. Empty until the entry point of a
 * backend is imported, which adds a member of its own, such as `bullmq`.
 */
export interface BackendSettings {}
