/** Captures the line at which `caller` was called. */
export function captureCallSite(caller: Caller): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 1;
  const trace = {} as Error;
  Error.captureStackTrace(trace, caller);
  Error.stackTraceLimit = stackTraceLimit;
  return trace;
}

/** Returns that line as text: `at UsersController.create (users.controller.ts:12:16)`. */
export function firstFrame(trace: Error | undefined): string | undefined {
  const frame = trace?.stack?.split('\n').find((line) => /^\s+at /.test(line));
  return frame?.trim();
}

/** A function whose call is to be shown in a log line, such as `addTask`. */
export type Caller = (...args: never[]) => unknown;
