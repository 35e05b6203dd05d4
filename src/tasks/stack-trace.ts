/** Captures the one line of the stack trace at which `caller` was called. */
export function captureCallSite(caller: (...args: never[]) => unknown): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 1;
  const trace = {} as Error;
  Error.captureStackTrace(trace, caller);
  Error.stackTraceLimit = stackTraceLimit;
  return trace;
}

/** Returns that line, as in `at UsersController.create (users.controller.ts:12:16)`. */
export function firstFrame(trace: Error | undefined): string | undefined {
  const frame = trace?.stack?.split('\n').find((line) => /^\s+at /.test(line));
  return frame?.trim();
}
