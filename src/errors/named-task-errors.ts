import { BackgroundTasksError, UnavailableError } from './background-tasks-error.js';

/** `UNKNOWN_TASK`: no class of this application has `@TaskHandler()` for the definition. */
export class UnknownTaskError extends BackgroundTasksError {
  readonly code = 'UNKNOWN_TASK';

  constructor(name: string) {
    super(
      `No handler for task "${name}". Add a class with @TaskHandler() for its definition to the providers of a ` +
        'module, in processes that only enqueue it as well.',
    );
  }
}

/** `DUPLICATE_TASK`: two definitions, or two handlers, have the same name. */
export class DuplicateTaskError extends BackgroundTasksError {
  readonly code = 'DUPLICATE_TASK';

  constructor(name: string, handlers: readonly string[]) {
    super(
      `Task "${name}" has more than one handler: ${handlers.join(', ')}. Give each task a name and a definition of ` +
        'its own, and each definition one handler, provided by one module.',
    );
  }
}

/**
 * `INVALID_PAYLOAD`: a payload, or what `captureContext` returned, is not strict JSON, is too large, or is not what the
 * task's schema asks for.
 */
export class InvalidPayloadError extends BackgroundTasksError {
  readonly code = 'INVALID_PAYLOAD';

  /** `what` it is, `path` where, as in `$.items[2].price`, and `problem` what is wrong, which shows none of it. */
  constructor(
    what: string,
    readonly path: string,
    problem: string,
  ) {
    super(`${what} cannot be enqueued: ${path} ${problem}.`);
  }
}

/**
 * `BACKEND_UNAVAILABLE`: the backend cannot accept tasks now. Answered with 503. What a frozen server
 * took all the same is withdrawn when it answers again, unless a worker has begun it by then.
 */
export class BackendUnavailableError extends UnavailableError {
  readonly code = 'BACKEND_UNAVAILABLE';

  constructor(
    what: string,
    reason: string,
    { cause, fix = 'Try again later, with the same idempotency key.' }: Details = {},
  ) {
    super(`${what} could not be handed over: ${reason}. ${fix}`, { cause });
  }
}

interface Details {
  readonly cause?: unknown;
  readonly fix?: string;
}
