/** Base of every error this package throws. Tell them apart by {@link BackgroundTasksError.code}. */
export abstract class BackgroundTasksError extends Error {
  /** A permanent identifier; messages may be reworded between releases, codes are not. */
  abstract readonly code: BackgroundTasksErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

export const RETRY_AFTER_SECONDS = 1;

/**
 * An error that Nest answers with 503: its built-in filter reads these members
 * the way the `http-errors` package sets them. `expose: false` keeps the message from the client.
 */
export abstract class UnavailableError extends BackgroundTasksError {
  readonly status = 503;
  readonly statusCode = 503;
  /** Value of the `Retry-After` header. */
  readonly retryAfterSeconds = RETRY_AFTER_SECONDS;
  readonly expose = false;
}

/** The permanent codes of the errors that this package throws. The other entry points add theirs. */
export interface BackgroundTasksErrorCodes {
  INVALID_OPTION: true;
  NOT_REGISTERED: true;
  ALREADY_REGISTERED: true;
  UNSUPPORTED_NEST: true;
  MISSING_PACKAGE: true;
  NOT_A_FUNCTION: true;
  UNKNOWN_METHOD: true;
  OUTSIDE_SCOPE: true;
  OUTSIDE_TASK: true;
  SCOPE_CLOSED: true;
  SHUTTING_DOWN: true;
  QUEUE_FULL: true;
  TASK_CHAIN_TOO_LONG: true;
  UNKNOWN_RESOURCE: true;
  RESOURCE_YIELDED_NOTHING: true;
  RESOURCE_YIELDED_TWICE: true;
  RESOURCE_RELEASE_ORDER: true;
  RESOURCE_RELEASED_EARLY: true;
  RESOURCE_CIRCLE: true;
  DURABLE_DEPENDENCY: true;
  DISPOSE_TIMEOUT: true;
  UNKNOWN_TASK: true;
  DUPLICATE_TASK: true;
  INVALID_PAYLOAD: true;
  BACKEND_UNAVAILABLE: true;
  BATCH_TOO_LARGE: true;
  TRANSACTIONS_UNSUPPORTED: true;
  GROUPS_UNSUPPORTED: true;
  WRONG_HANDLER: true;
  BATCH: true;
}

export type BackgroundTasksErrorCode = keyof BackgroundTasksErrorCodes;
