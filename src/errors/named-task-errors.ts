import { BackgroundTasksError, UnavailableError } from './background-tasks-error.js';
import { InvalidOptionError } from './errors.js';

/** `UNKNOWN_TASK`: no class of this application has `@TaskHandler()` for the definition. */
export class UnknownTaskError extends BackgroundTasksError {
  readonly code = 'UNKNOWN_TASK';

  /** `hasNamesake` says whether there is a handler for another definition of that name. */
  constructor(name: string, hasNamesake = false) {
    super(
      hasNamesake
        ? `No handler for this definition of task "${name}": the handler of that name is for another one. Enqueue ` +
            'the definition that @TaskHandler() names, or give this one a name and a handler of its own.'
        : `No handler for task "${name}". Add a class with @TaskHandler() for its definition to the providers of a ` +
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

/** `WRONG_HANDLER`: a handler has no method that runs the tasks of its definition. */
export class WrongHandlerError extends BackgroundTasksError {
  readonly code = 'WRONG_HANDLER';

  constructor(task: string, handler: string, isBatched: boolean) {
    super(
      isBatched
        ? `${handler} has no runBatch(), and task "${task}" runs in batches. Give it "runBatch(payloads)", or take ` +
            '"batch" out of the definition.'
        : `${handler} has no run(), and task "${task}" runs alone. Give it "run(payload)", or add "batch" to the ` +
            'definition.',
    );
  }
}

/**
 * `BATCH`: some tasks of a batch failed, and the others succeeded. To be thrown by `runBatch()`: what it did is kept, so
 * that its resources commit, and only the tasks named here fail, each with an error of its own.
 */
export class BatchError extends BackgroundTasksError {
  readonly code = 'BATCH';
  /** The errors by the indexes of the payloads. */
  readonly failures: ReadonlyMap<number, unknown>;

  /**
   * Takes the errors by the indexes of the payloads, in a `Map` or in pairs. An index that no payload has fails the
   * batch as a whole.
   *
   * @throws INVALID_OPTION
   */
  constructor(failures: Iterable<readonly [index: number, error: unknown]>) {
    const found = new Map(failures);
    for (const index of found.keys()) {
      if (Number.isSafeInteger(index) && index >= 0) continue;
      throw new InvalidOptionError('failures', index, 'Give the indexes of payloads: whole numbers of 0 or more.');
    }
    if (found.size === 0) throw new InvalidOptionError('failures', found, 'Throw it only if a task has failed.');
    const indexes = [...found.keys()];
    super(
      `${found.size} task(s) of a batch failed, those of the payloads at ${indexes.slice(0, MAX_INDEXES).join(', ')}` +
        `${found.size > MAX_INDEXES ? ', …' : ''}. Look at "failures" for the error of each.`,
      { cause: found.get(indexes[0]!) },
    );
    this.failures = found;
  }
}

/** Indexes that a message names. */
const MAX_INDEXES = 10;

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
    fix = 'Give plain JSON. In place of large data, give an id.',
  ) {
    super(`${what} cannot be enqueued: ${path} ${problem}. ${fix}`);
  }
}

/**
 * `BACKEND_UNAVAILABLE`: the backend takes no tasks now, or has not confirmed that it has these. Answered with 503.
 * Tasks that are not confirmed may still run; the same idempotency key makes the retry the same task.
 */
export class BackendUnavailableError extends UnavailableError {
  readonly code = 'BACKEND_UNAVAILABLE';

  constructor(
    what: string,
    reason: string,
    { cause, action = 'handed over', fix = 'Try again later, with the same idempotency key.' }: Details = {},
  ) {
    super(`${what} could not be ${action}: ${reason}. ${fix}`, { cause });
  }
}

/**
 * `BATCH_TOO_LARGE`: what one request or unit of work enqueued is more than the backend takes at a time. None of it
 * was handed over. Answered with 500, because trying again cannot help.
 */
export class BatchTooLargeError extends BackgroundTasksError {
  readonly code = 'BATCH_TOO_LARGE';

  /** `what` it is, as in "5001 tasks", and the `limit`, as in "5000 tasks". */
  constructor(what: string, limit: string) {
    super(
      `${what} cannot be handed over: the limit is ${limit} at a time. Enqueue tasks that load their data ` +
        'themselves, or call TaskScopes.run() for each part.',
    );
  }
}

/** `TRANSACTIONS_UNSUPPORTED`: the backend cannot store a task in a transaction of the application. */
export class TransactionsUnsupportedError extends BackgroundTasksError {
  readonly code = 'TRANSACTIONS_UNSUPPORTED';

  constructor(what: string, backend: string) {
    super(
      `${what} cannot be inserted in a transaction: ${backend} has none that the application could share. Use ` +
        'BullMqBackgroundTasksModule.forRoot({ postgres }), on the database of the transaction. With this backend call ' +
        'enqueue(), and leave out the "transaction" of resources.',
    );
  }
}

/** `GROUPS_UNSUPPORTED`: the backend cannot have one task wait for others. */
export class GroupsUnsupportedError extends BackgroundTasksError {
  readonly code = 'GROUPS_UNSUPPORTED';

  constructor(backend: string) {
    super(
      `A group cannot be enqueued: ${backend} has no task wait for others. Use BullMqBackgroundTasksModule, or no backend.`,
    );
  }
}

interface Details {
  /** The action that failed. */
  readonly action?: string;
  readonly cause?: unknown;
  readonly fix?: string;
}
