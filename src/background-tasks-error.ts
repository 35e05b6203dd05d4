/** The permanent codes of every error this package throws. */
export type BackgroundTasksErrorCode =
  | 'INVALID_OPTION'
  | 'ALREADY_REGISTERED'
  | 'UNSUPPORTED_NEST'
  | 'NOT_A_FUNCTION'
  | 'UNKNOWN_METHOD'
  | 'OUTSIDE_SCOPE'
  | 'OUTSIDE_TASK'
  | 'SCOPE_CLOSED'
  | 'SHUTTING_DOWN'
  | 'QUEUE_FULL'
  | 'TASK_CHAIN_TOO_LONG'
  | 'UNKNOWN_RESOURCE'
  | 'RESOURCE_YIELDED_NOTHING'
  | 'RESOURCE_YIELDED_TWICE'
  | 'RESOURCE_RELEASE_ORDER'
  | 'DISPOSE_TIMEOUT'
  | 'UNKNOWN_TASK'
  | 'DUPLICATE_TASK'
  | 'INVALID_PAYLOAD'
  | 'BACKEND_UNAVAILABLE'
  | 'TASKS_FAILED'
  | 'TASK_NOT_RECORDED'
  | 'THREAD_CRASHED'
  | 'THREAD_CANCELLED'
  | 'THREAD_QUEUE_FULL'
  | 'THREAD_VALUE_NOT_CLONEABLE'
  | 'THREAD_ARGUMENTS_TOO_LARGE'
  | 'THREAD_MODULE_NOT_LOADED'
  | 'UNKNOWN_THREAD_EXPORT'
  | 'THREAD_OPTIONS_DIFFER';

/** Base of every error this package throws. Tell them apart by {@link BackgroundTasksError.code}. */
export abstract class BackgroundTasksError extends Error {
  /** A permanent identifier; messages may be reworded between releases, codes are not. */
  abstract readonly code: BackgroundTasksErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/**
 * An error that Nest answers with 503: its built-in filter reads these members
 * the way the `http-errors` package sets them. `expose: false` keeps the message from the client.
 */
export abstract class UnavailableError extends BackgroundTasksError {
  readonly status = 503;
  readonly statusCode = 503;
  /** What the `Retry-After` header says. */
  readonly retryAfterSeconds = 1;
  readonly expose = false;
}
