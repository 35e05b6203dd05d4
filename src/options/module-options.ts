import type { ResolvedRetry, RetryOptions } from '../contracts/retry-options.js';
import type { TaskBackend } from '../contracts/task-backend.js';
import type { JsonValue } from '../contracts/task-envelope.js';
import type { TaskObserver } from '../contracts/task-observer.js';
import type { TaskTracing } from '../contracts/task-tracing.js';
import { InvalidOptionError } from '../errors/errors.js';
import { type Check, checkAll, count, flag, milliseconds, oneOf, wholeNumber } from './checks.js';
import { retryRule } from './task-options.js';

/** Options of `BackgroundTasksModule.forRoot()`. Durations are milliseconds. */
export interface BackgroundTasksModuleOptions {
  /**
   * Whether the later tasks of a request run after one has failed. @default 'continue'. `'stop'` reports them as
   * `skipped`, as FastAPI does.
   */
  readonly onTaskFailure?: 'continue' | 'stop';
  /**
   * Tasks of one request that run at a time. @default 1, in the order they were added. Above 1 they may finish in any
   * order.
   */
  readonly concurrency?: number;
  /**
   * Tasks of the whole process that run at a time, taken in turns across requests. @default Infinity. Too low, and
   * tasks wait although the process is idle; too high, and a burst of them exhausts what they share, such as a
   * connection pool.
   */
  readonly maxRunning?: number;
  /**
   * Tasks of the whole process that may wait. @default 10000. Each holds its arguments: `Infinity` turns a slow
   * dependency into an out-of-memory crash, and a low number refuses requests in an ordinary burst.
   */
  readonly maxPending?: number;
  /**
   * Answer of `addTask` when `maxPending` tasks wait. @default 'reject', which throws `QUEUE_FULL`
   * (Nest answers 503). `'wait'` delays the response until there is room; where the response is
   * not ours to delay (`@Res()`, `@Sse()`, after the response), and for a request that exceeds
   * `maxPending` alone, it throws all the same.
   */
  readonly overflow?: 'reject' | 'wait';
  /**
   * The `timeoutMs` of tasks that name none. @default none: a task that never settles holds its request's resources
   * until shutdown.
   */
  readonly timeoutMs?: number;
  /** The `retry` of tasks that name none. @default none. */
  readonly retry?: RetryOptions;
  /**
   * Milliseconds to wait at shutdown for requests, tasks and disposers. @default 25000. 0 abandons
   * them at once; above your orchestrator's kill delay (30 s in Kubernetes) it is never reached and
   * work is lost unreported. Signals abort a fifth of it, at most 5 s, before.
   */
  readonly shutdownTimeoutMs?: number;
  /**
   * Milliseconds each disposer may take. @default 5000. 0 waits for none of them; a very large value lets one hang keep
   * the others open.
   */
  readonly disposeTimeoutMs?: number;
  /**
   * Milliseconds a client may leave queued bytes unread before its tasks start without it.
   * @default 30000. Too low, and tasks run while a slow client is still being served; too high, and
   * clients that do not read hold their requests' resources for as long.
   */
  readonly stalledClientTimeoutMs?: number;
  /**
   * Whether to remember the line that added each task, for the log of its failure. @default true unless NODE_ENV is
   * production: it costs microseconds a task.
   */
  readonly captureStackTraces?: boolean;
  /**
   * Whether to log at start-up that what `addTask()` adds dies with the process. @default true, unless NODE_ENV is
   * production or test.
   */
  readonly lossNotice?: boolean;
  /**
   * Bytes of JSON that the payload of a named task may take. @default 65536. Much more, and one
   * large task holds up whatever carries them (pass a key to where the data is instead).
   */
  readonly maxPayloadBytes?: number;
  /**
   * Returns what a named task takes along from its request, such as the tenant and the user. Called with
   * what Nest injects as `REQUEST`, its result is the handler's `TaskContext.context`. JSON, as a payload is. Not called
   * in a `TaskScopes.run()` that has a `context`, nor in a handler: those hand on their own. What
   * it throws, `enqueue` throws.
   * @default nothing.
   */
  readonly captureContext?: (request: never) => JsonValue | undefined;
  /**
   * Makes each task a part of the trace in which it was added, in whichever process it runs, such as
   * `openTelemetryTracing()` from `nestjs-background-tasks/opentelemetry`. @default none: no task has a span, and a trace
   * ends where a task leaves the process.
   */
  readonly tracing?: TaskTracing;
  /**
   * Carries named tasks out of this process. @default the backend that an imported module brings, else none: they run
   * in this process.
   */
  readonly backend?: TaskBackend;
  /**
   * Number of ended named tasks of this process whose reports `TaskReports` keeps, the latest. @default 0: it knows only
   * those that a backend tells of, such as BullMQ. Each keeps its result, of `maxPayloadBytes` at most.
   */
  readonly keepReports?: number;
  /** Objects that are told what happens to every task. @default none. */
  readonly observers?: readonly TaskObserver[];
}

/** The options after validation: every member decided, frozen. */
export type ResolvedModuleOptions = Readonly<
  Required<Omit<BackgroundTasksModuleOptions, 'timeoutMs' | 'retry' | 'captureContext' | 'tracing' | 'backend'>> & {
    captureContext: ((request: unknown) => JsonValue | undefined) | undefined;
    timeoutMs: number | undefined;
    retry: ResolvedRetry | undefined;
    tracing: TaskTracing | undefined;
    backend: TaskBackend | undefined;
  }
>;

const observersRule: Check<readonly TaskObserver[]> = (option, value) => {
  if (Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null)) {
    return Object.freeze([...(value as TaskObserver[])]);
  }
  throw new InvalidOptionError(option, value, 'Give an array of objects that implement TaskObserver.');
};

export const backendRule: Check<TaskBackend> = (option, value) => {
  const methods = ['accept', 'checkBatch', 'checkSettings', 'assertReady', 'watch', 'start', 'pause'];
  const given = value as Partial<Record<string, unknown>> | null | undefined;
  if (methods.every((method) => typeof given?.[method] === 'function')) return value as TaskBackend;
  const fix =
    'Give an object of a class that extends TaskBackend. Where a module provides it, enqueue from onModuleInit() on.';
  throw new InvalidOptionError(option, value, fix);
};

const captureContextRule: Check<NonNullable<ResolvedModuleOptions['captureContext']>> = (option, value) => {
  if (typeof value === 'function') return value as NonNullable<ResolvedModuleOptions['captureContext']>;
  throw new InvalidOptionError(option, value, 'Give a function of the request.');
};

const tracingRule: Check<TaskTracing> = (option, value) => {
  const methods = ['enqueue', 'inject', 'extract', 'run'];
  const given = value as Partial<Record<string, unknown>> | null | undefined;
  if (methods.every((method) => typeof given?.[method] === 'function')) return value as TaskTracing;
  const fix = 'Give an object that implements TaskTracing, such as openTelemetryTracing() returns.';
  throw new InvalidOptionError(option, value, fix);
};

type CheckedModuleOptions = Omit<BackgroundTasksModuleOptions, 'retry' | 'captureContext'> & {
  readonly retry?: ResolvedRetry;
  readonly captureContext?: NonNullable<ResolvedModuleOptions['captureContext']>;
};

/** Checks the options and fills in the defaults. @throws INVALID_OPTION */
export function resolveModuleOptions(options: BackgroundTasksModuleOptions): ResolvedModuleOptions {
  const given = checkAll<CheckedModuleOptions>('', options, {
    onTaskFailure: oneOf('continue', 'stop'),
    concurrency: count,
    maxRunning: count,
    maxPending: count,
    overflow: oneOf('reject', 'wait'),
    timeoutMs: milliseconds,
    retry: retryRule,
    shutdownTimeoutMs: milliseconds,
    disposeTimeoutMs: milliseconds,
    stalledClientTimeoutMs: milliseconds,
    captureStackTraces: flag,
    lossNotice: flag,
    maxPayloadBytes: wholeNumber(1),
    captureContext: captureContextRule,
    tracing: tracingRule,
    backend: backendRule,
    keepReports: wholeNumber(0),
    observers: observersRule,
  });
  return Object.freeze({
    onTaskFailure: 'continue',
    concurrency: 1,
    maxRunning: Infinity,
    maxPending: 10_000,
    overflow: 'reject',
    timeoutMs: undefined,
    retry: undefined,
    shutdownTimeoutMs: 25_000,
    disposeTimeoutMs: 5_000,
    stalledClientTimeoutMs: 30_000,
    captureStackTraces: process.env.NODE_ENV !== 'production',
    lossNotice: !['production', 'test'].includes(process.env.NODE_ENV ?? ''),
    maxPayloadBytes: 65_536,
    captureContext: undefined,
    tracing: undefined,
    backend: undefined,
    keepReports: 0,
    observers: Object.freeze([]),
    ...given,
  });
}
