import { safely } from '../errors/safely.js';

/** Captures the line at which `caller` was called. */
export function captureCallSite(caller: Caller): Error {
  const { stackTraceLimit } = Error;
  const trace = {} as Error;
  // An application may forbid both, or format traces itself.
  safely(() => {
    Error.stackTraceLimit = 1;
    Error.captureStackTrace(trace, caller);
  }, undefined);
  safely(() => (Error.stackTraceLimit = stackTraceLimit), 0);
  return trace;
}

/** Returns that line as text: `at UsersController.create (users.controller.ts:12:16)`. */
export function firstFrame(trace: Error | undefined): string | undefined {
  const stack = safely<unknown>(() => trace?.stack, undefined);
  const frame = typeof stack === 'string' ? stack.split('\n').find((line) => /^\s+at /.test(line)) : undefined;
  return frame?.trim();
}

/** A function whose call is to be shown in a log line, such as `addTask`. */
export type Caller = (...args: never[]) => unknown;
