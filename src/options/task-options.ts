import type { ResolvedRetry, RetryOptions } from '../contracts/retry-options.js';
import { atLeastOne, type Check, checkAll, count, fraction, milliseconds, nonEmptyString, oneOf } from './checks.js';

/** Options of one task, given to `tasks.with(options)`. */
export interface TaskOptions {
  /** Name of the task in logs and reports, and for `cancel()`. @default the function's name, or `Class.method`. */
  readonly name?: string;
  /**
   * Outcome of the request after which the task runs. @default 'success'. A task added after the
   * failure is known (in an exception filter) runs unless this says otherwise.
   */
  readonly runOn?: 'success' | 'failure' | 'always';
  /** Whether the task runs if the client left before it had the response. @default 'run'. `'skip'` discards it. */
  readonly onAbort?: 'run' | 'skip';
  /**
   * Milliseconds one attempt may take. @default none. At the limit the signal aborts and the next
   * task starts; a function that ignores its signal goes on unobserved, so 0 is of little use and a
   * retry may overlap it.
   */
  readonly timeoutMs?: number;
  /** Makes failed and timed-out attempts again. @default none. */
  readonly retry?: RetryOptions;
  /**
   * Keeps one of two tasks of the same name that wait in one request. @default both run.
   * `'keep-last'` discards the earlier, `'keep-first'` returns the earlier's handle.
   */
  readonly dedupe?: 'keep-last' | 'keep-first';
}

export const retryRule: Check<ResolvedRetry> = (path, value) => {
  const given = checkAll<RetryOptions>(path, value, {
    attempts: count,
    delayMs: milliseconds,
    factor: atLeastOne,
    maxDelayMs: milliseconds,
    jitter: fraction,
  });
  return Object.freeze({ attempts: 3, delayMs: 1_000, factor: 2, maxDelayMs: 30_000, jitter: 0.5, ...given });
};

/** Task options as checked, with the retry decided; absent members mean what their documentation says. */
export type CheckedTaskOptions = Omit<TaskOptions, 'retry'> & {
  readonly retry?: ResolvedRetry;
  /** The part of the request that adds the task, where each part fails by itself. The task runs by its outcome. */
  readonly part?: RequestPart;
};

/** A part of a request that fails by itself, as an operation of GraphQL. */
export interface RequestPart {
  /** The words for it in a log line, such as `mutation signUp of POST /graphql`. */
  readonly description: string;
  /** Set once it has failed. */
  readonly failure: { readonly error: unknown } | undefined;
}

export const noTaskOptions: CheckedTaskOptions = Object.freeze({});

export const taskOptionRules = {
  name: nonEmptyString,
  runOn: oneOf('success', 'failure', 'always'),
  onAbort: oneOf('run', 'skip'),
  timeoutMs: milliseconds,
  retry: retryRule,
  dedupe: oneOf('keep-last', 'keep-first'),
};

/**
 * Adds the options of a call to those of its definition. The tasks of a group go to the backend together, so that the call
 * alone decides when they run, and none takes the place of another.
 */
export function mergeTaskOptions(
  defined: CheckedTaskOptions,
  given: CheckedTaskOptions,
  isGrouped: boolean,
): CheckedTaskOptions {
  if (!isGrouped) return given === noTaskOptions ? defined : { ...defined, ...given, name: defined.name! };
  const { runOn: _runOn, onAbort: _onAbort, ...ofEach } = defined;
  const { dedupe: _dedupe, ...merged } = { ...ofEach, ...given, name: defined.name! };
  return merged;
}

/** @throws INVALID_OPTION */
export function checkTaskOptions(options: TaskOptions): CheckedTaskOptions {
  return checkAll<Omit<CheckedTaskOptions, 'part'>>('', options, taskOptionRules);
}
