import { BackgroundTasksError } from '../errors/background-tasks-error.js';

/** `TASKS_FAILED`: thrown by the testing helpers when tasks failed; `errors` holds what they threw. */
export class TasksFailedError extends BackgroundTasksError {
  readonly code = 'TASKS_FAILED';
  /** The errors of the tasks, in the order in which they failed. */
  readonly errors: readonly unknown[];

  constructor(failed: readonly { readonly name: string; readonly error?: unknown }[]) {
    super(
      `${failed.length} background task(s) failed: ${failed.map(({ name }) => name).join(', ')}. Look at "cause" ` +
        'and "errors" for what they threw, or pass { throwOnFailure: false } where a failure is what the test is ' +
        'about.',
      { cause: failed[0]?.error },
    );
    this.errors = failed.map(({ error }) => error);
  }
}

/** `TASK_NOT_RECORDED`: thrown by the assertions of RecordingBackgroundTasks. */
export class TaskNotRecordedError extends BackgroundTasksError {
  readonly code = 'TASK_NOT_RECORDED';

  /** @param expected the call that was asserted; absent where nothing was to be added */
  constructor(expected: string | undefined, recorded: readonly string[]) {
    const received = `these were added: ${listOf(recorded)}`;
    super(
      expected === undefined
        ? `Expected no background task, but ${received}.`
        : `Expected background task ${expected}, but ${recorded.length > 0 ? received : 'nothing was added'}. ` +
            'Compare the function, the object, the arguments and the options.',
    );
  }
}

/** `CONTRACT_BROKEN`: a check of `backendContract()` has found a backend that does not keep its contract. */
export class ContractBrokenError extends BackgroundTasksError {
  readonly code = 'CONTRACT_BROKEN';

  /** @param check the promise that was checked */
  constructor(check: string, found: string, cause?: unknown) {
    const message = `The backend breaks its contract "${check}". ${found}. Compare it with the comments of TaskBackend.`;
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** Lists tasks for a message. */
export function listOf(recorded: readonly string[]): string {
  const more = recorded.length > MAX_LISTED ? ` and ${recorded.length - MAX_LISTED} more` : '';
  return recorded.slice(0, MAX_LISTED).join(', ') + more;
}

/** Number of tasks in one message. */
const MAX_LISTED = 20;

declare module '../errors/background-tasks-error.js' {
  interface BackgroundTasksErrorCodes {
    TASKS_FAILED: true;
    TASK_NOT_RECORDED: true;
    CONTRACT_BROKEN: true;
  }
}
