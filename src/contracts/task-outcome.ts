/** The end of the request (or unit of work) that added a task. */
export interface TaskOutcome {
  /** Whether the handler chain ended without an error. A 404 that was returned, not thrown, is a success. */
  readonly succeeded: boolean;
  /** The HTTP status that was sent; absent where there is none, as in `TaskScopes.run()`. */
  readonly statusCode?: number;
  /** Error of the handler, guard, pipe or interceptor; absent on success. */
  readonly error?: unknown;
  /** Whether the client left before it had the whole response. */
  readonly aborted: boolean;
}
