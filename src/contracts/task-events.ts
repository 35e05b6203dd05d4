import type { BatchTrigger } from './batch-options.js';
import type { TaskOutcome } from './task-outcome.js';
import type { TaskReport } from './task-report.js';

/**
 * Everything that observers are told, by the name of the event. `TaskObserver` has a method of each name, and
 * `node:diagnostics_channel` a channel: `nestjs-background-tasks:taskStarted`. No event holds a payload, an argument, a
 * request or a resource. The errors are those that were thrown, with all that they hold.
 */
export interface TaskEvents {
  /** A request, message or unit of work used something of this package for the first time. */
  readonly scopeOpened: ScopeEvent;
  /** Its handler has a result, or threw. What is due before the response, such as a commit, begins now. */
  readonly handlerEnded: ScopeEvent & { readonly error?: unknown };
  /** Its response is over: all of it was sent, or the client has left. The tasks may begin. */
  readonly responseClosed: ScopeEvent & { readonly statusCode?: number; readonly aborted: boolean };
  /** Its tasks have ended and its resources are released. */
  readonly scopeClosed: ScopeEvent & { readonly outcome: TaskOutcome };

  /** A task was added, and waits. Told in the async context of the code that added it. */
  readonly taskAccepted: TaskEvent;
  /** An attempt of a task begins. `attempt` is 1 for the first, and goes on where a backend made earlier ones. */
  readonly taskStarted: TaskEvent & { readonly attempt: number };
  /** An attempt failed, and the next begins in this process after `delayMs`. */
  readonly taskRetried: TaskEvent & FailedAttempt;
  /** A task called `currentTask().progress(value)`. */
  readonly taskProgressed: TaskEvent & { readonly value: unknown };
  /** A task reached the state it will keep. Told once for each task. `enqueued`: the backend has it. */
  readonly taskSettled: TaskEvent & TaskEnd;

  /**
   * A batch begins. Its tasks start at the same moment, and the scope of its handler opens with `batch.id` as the task of
   * its `parent`. `waitedMs` is how long the first of them has waited for it.
   */
  readonly batchFlushed: Told & {
    readonly batch: ObservedBatch;
    readonly tasks: readonly ObservedTask[];
    readonly trigger: BatchTrigger;
    readonly waitedMs: number;
  };

  /** The backend has taken named tasks of a scope, or has refused them with `error`. */
  readonly handedOver: ScopeEvent & Ended & { readonly tasks: readonly ObservedTask[] };

  /** The value of a resource is there, or its factory failed with `error`. `durationMs` is how long that took. */
  readonly resourceAcquired: ResourceEvent & Ended & { readonly taskId?: string };
  /** A resource was released, or its exit failed with `error`. `durationMs` is how long the exit took. */
  readonly resourceReleased: ResourceEvent & Ended;

  /** The application begins to shut down: it waits for its work, `timeoutMs` at most. */
  readonly drainBegun: Told & { readonly timeoutMs: number };
  /** All work has ended, or `abandoned` tasks were left at the deadline. */
  readonly drainEnded: Told & { readonly durationMs: number; readonly abandoned: number };

  /** The backend takes no tasks, for this reason. */
  readonly backendLost: Told & { readonly reason: string };
  /** The backend takes tasks again. `durationMs` is how long it took none. */
  readonly backendBack: Told & { readonly durationMs: number };
}

/** The name of an event. */
export type TaskEventName = keyof TaskEvents;

/** The kind of work that a scope belongs to. `task`: a run of the handler of a named task. */
export type ScopeKind = 'http' | 'graphql' | 'rpc' | 'ws' | 'unit' | 'task';

/** A request, message, unit of work or run of a handler, as events show it. */
export interface ObservedScope {
  /** Unique to the scope. */
  readonly id: string;
  /** The kind of work. */
  readonly kind: ScopeKind;
  /**
   * The words for it: `POST /users/:id`, `message "sum"`, `Cleaner.sweep()`, `a unit of work`, `task "send-invoice"`. An
   * application has a limited number of them. That of a request is complete once its route is known.
   */
  readonly description: string;
  /** The method of an HTTP request; absent elsewhere. */
  readonly method?: string;
  /** The pattern of an HTTP route, such as `/users/:id`; absent elsewhere, and until it is known. */
  readonly route?: string;
  /** The moment at which the request came in, or the work began. It may be earlier than `scopeOpened`. */
  readonly begunAt: number;
  /** The task or the scope in which it began; absent where it came from outside, or where that is not known. */
  readonly parent?: { readonly scopeId?: string; readonly taskId?: string };
}

/** A task, as events show it. */
export interface ObservedTask {
  /** Unique to the task. A named task keeps it in every process that it passes through. */
  readonly id: string;
  /** The `name` option, else the name of the function or `Class.method`; that of its definition for a named task. */
  readonly name: string;
  /** Whether it was enqueued. If not, an application may have any number of names. */
  readonly isNamed: boolean;
  /** The name of its function or `Class.method`, whatever its `name` option; absent for a named task. */
  readonly function?: string;
  /** The task that added it; absent where the handler did. */
  readonly addedBy?: string;
  /** The line that added it, such as `at UsersController.create (users.controller.ts:12:16)`; see `captureStackTraces`. */
  readonly place?: string;
  /** Whether it has called a function of `threadTask()`, which runs in a thread; absent until it does. */
  readonly usesThread?: boolean;
  /** The batch that it runs in, and its number of tasks; absent until it does. */
  readonly batch?: { readonly id: string; readonly size: number };
  /** The ids of the tasks that must have ended first; absent unless it is the last one of a group. */
  readonly waitsFor?: readonly string[];
}

/** Tasks of one definition that run together, as events show them. */
export interface ObservedBatch {
  /** Unique to the batch: the id of its `currentTask()`. */
  readonly id: string;
  /** The name of the definition. */
  readonly name: string;
}

/** A resource, or an instance that is disposed of with its scope, as events show it. */
export interface ObservedResource {
  /** Unique in its scope. */
  readonly id: number;
  /** The name of the token or class. */
  readonly name: string;
  /** Moment of its release, as the definition says. */
  readonly release: 'before-response' | 'after-tasks';
}

/**
 * The reason why a task did not run, or did not run to its end:
 *
 * - `request-failed`, `request-succeeded`: its `runOn` is for the other outcome
 * - `client-left`: its `onAbort` is `'skip'`
 * - `deduplicated`: a later task has its name, or another task of its idempotency key has not ended
 * - `parent-failed`: the task that enqueued it did not succeed
 * - `earlier-task-failed`: an earlier task failed, and `onTaskFailure` is `'stop'`
 * - `cancelled`: `cancel()` was called
 * - `hand-over-failed`: the backend did not confirm it
 * - `deadline`: the application shut down first
 */
export type TaskEndReason =
  | 'request-failed'
  | 'request-succeeded'
  | 'client-left'
  | 'deduplicated'
  | 'parent-failed'
  | 'earlier-task-failed'
  | 'cancelled'
  | 'hand-over-failed'
  | 'deadline';

/** The moment of an event. */
interface Told {
  /** Milliseconds since 1970, with fractions. It never goes back while the process runs, unlike `Date.now()`. */
  readonly at: number;
}

interface ScopeEvent extends Told {
  readonly scope: ObservedScope;
}

interface TaskEvent extends Told {
  /** The scope that the task was added to; absent for one that a backend has this process run. */
  readonly scope?: ObservedScope;
  readonly task: ObservedTask;
}

interface ResourceEvent extends ScopeEvent {
  readonly resource: ObservedResource;
}

/** The end of something that took a while, and may have failed. */
interface Ended {
  readonly durationMs: number;
  /** Present only if it failed. */
  readonly error?: unknown;
}

/** An attempt that another one follows. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly state: 'failed' | 'timed-out';
  readonly error: unknown;
  readonly delayMs: number;
}

interface TaskEnd {
  readonly report: TaskReport;
  /** The reason why it did not run to its end; absent if it did. */
  readonly reason?: TaskEndReason;
  /** Whether the backend makes another attempt, which is another task here. */
  readonly isRetried: boolean;
}
