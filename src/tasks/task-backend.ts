import type { TaskEnvelope } from '../contracts/task-envelope.js';
import type { TaskReport } from '../contracts/task-report.js';
import type { ResolvedRetry } from '../options/task-options.js';

/** A named task as a backend is given it. */
export interface EnqueuedTask {
  readonly envelope: TaskEnvelope;
  /** Tasks of one key are one task. */
  readonly idempotencyKey: string | undefined;
  readonly retry: ResolvedRetry | undefined;
  /** What the definition says under `bullmq`, with what the call of `enqueue` says on top; checked. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Runs named tasks for a backend. */
export interface NamedTaskRunner {
  /** Whether this version of the application has a handler for that name. */
  isKnown(name: string): boolean;
  /**
   * Runs the handler once, as a unit of work with providers, tasks and disposal of its own. Never
   * rejects. The time limit and the shutdown are looked after; further attempts are the backend's.
   */
  run(envelope: TaskEnvelope, attempt: NamedTaskAttempt): Promise<NamedTaskResult>;
}

/** One attempt at a named task, as the backend sees it. */
export interface NamedTaskAttempt {
  /** 1 for the first. */
  readonly number: number;
  /** Called with what the handler says through `currentTask().progress()`. */
  readonly progressed: (value: unknown) => void;
}

/** How an attempt ended. */
export interface NamedTaskResult {
  readonly report: TaskReport;
  /** Whether it was our own shutdown that ended it, so that it is not the task that failed: somebody else has to run it. */
  readonly isStopped: boolean;
}

/**
 * Carries named tasks to where they survive this process. Without one they stay in the queue of
 * their own request, like any other task.
 */
export abstract class TaskBackend {
  /** Whether tasks that it cannot accept run in this process instead, after the response. @default false */
  get runsHereInstead(): boolean {
    return false;
  }

  /**
   * Checks what a definition says under `bullmq`, when the application starts, and what a call of
   * `enqueue` says. `path` is what errors call it.
   *
   * @throws INVALID_OPTION
   */
  abstract checkSettings(path: string, settings: object): void;

  /** Called by `enqueue`, unless tasks run here instead: refuses at once while it is known that nothing can be accepted. @throws BACKEND_UNAVAILABLE */
  abstract assertReady(): void;

  /**
   * Takes a batch. Resolves when all of it is where it will survive; if it rejects, what did arrive is taken back.
   *
   * @throws BACKEND_UNAVAILABLE
   */
  abstract accept(batch: readonly EnqueuedTask[]): Promise<void>;

  /** Called once the application is built: from now on `runner` can run what was accepted, here or elsewhere. */
  abstract start(runner: NamedTaskRunner): void;

  /** Called when the application begins to drain: begins nothing more. What runs is waited for elsewhere. */
  abstract stopTaking(): void;
}

/** Where a module registers the backend that it brings. */
export abstract class TaskBackends {
  /** @throws INVALID_OPTION if there is one already */
  abstract use(backend: TaskBackend): void;
}
