import { BackgroundTasksError, UnavailableError } from '../errors/background-tasks-error.js';
import { describeKind, describeValue } from '../errors/describe-value.js';

/** `THREAD_CRASHED`: the thread ended while it ran the function. The next call gets a new thread. */
export class ThreadCrashedError extends BackgroundTasksError {
  readonly code = 'THREAD_CRASHED';

  constructor(name: string, how: string, cause: unknown) {
    super(
      `The thread of "${name}" ended before the function did: ${how}. Look at "cause". Await everything that the ` +
        'function starts, do not call process.exit() in it, and raise resourceLimits if it needs more memory.',
      { cause },
    );
  }
}

/** `THREAD_CANCELLED`: the task of the call ran out of time, or the application shut down. `cause` is the reason. */
export class ThreadCancelledError extends BackgroundTasksError {
  readonly code = 'THREAD_CANCELLED';

  constructor(name: string, cause: unknown) {
    super(
      `Thread function "${name}" was stopped: its task ran out of time, or the application is shutting down. Look at ` +
        '"cause". Give it less to do, or raise timeoutMs or shutdownTimeoutMs.',
      { cause },
    );
  }
}

/** `THREAD_QUEUE_FULL`: all threads are busy, and `maxPending` calls already wait. Nest answers 503. */
export class ThreadQueueFullError extends UnavailableError {
  readonly code = 'THREAD_QUEUE_FULL';

  constructor(name: string, maxPending: number) {
    super(
      `Thread function "${name}" was refused: all threads are busy, and ${maxPending} calls are waiting already. ` +
        'Raise maxPending if there is enough memory, or move the work to other machines.',
    );
  }
}

/** `THREAD_VALUE_NOT_CLONEABLE`: an argument, or the result, cannot be copied from one thread to another. */
export class ThreadValueNotCloneableError extends BackgroundTasksError {
  readonly code = 'THREAD_VALUE_NOT_CLONEABLE';

  /** `kind` names the kind of the value and shows nothing of it. */
  constructor(what: string, name: string, kind: string) {
    super(
      `${what} of thread function "${name}" cannot be copied between threads: received ${kind}. Use plain data, ` +
        'Buffers and typed arrays, Map, Set, Date and errors. Open files, sockets and clients in the thread.',
    );
  }
}

/** `THREAD_ARGUMENTS_TOO_LARGE`: the arguments of one call exceed `maxArgumentBytes`. */
export class ThreadArgumentsTooLargeError extends BackgroundTasksError {
  readonly code = 'THREAD_ARGUMENTS_TOO_LARGE';

  constructor(name: string, maxArgumentBytes: number) {
    super(
      `The arguments of thread function "${name}" are larger than ${maxArgumentBytes} bytes, and the main thread ` +
        'answers nobody while it copies them. Raise maxArgumentBytes, or pass the path of a file and read it there.',
    );
  }
}

/** `THREAD_MODULE_NOT_LOADED`: the module of a thread function is missing, or throws while Node loads it. */
export class ThreadModuleNotLoadedError extends BackgroundTasksError {
  readonly code = 'THREAD_MODULE_NOT_LOADED';

  constructor(name: string, module: string, cause: unknown) {
    super(
      `The module of thread function "${name}" cannot be loaded: ${module}. Look at "cause", and check that the URL ` +
        'names a JavaScript file in the output of the build.',
      { cause },
    );
  }
}

/** `UNKNOWN_THREAD_EXPORT`: the module of a thread function does not itself export a function of that name. */
export class UnknownThreadExportError extends BackgroundTasksError {
  readonly code = 'UNKNOWN_THREAD_EXPORT';

  constructor(name: unknown, module: string, functions?: readonly string[]) {
    const received = typeof name === 'string' ? describeValue(name) : describeKind(name);
    const choices = functions ? `; there are ${functions.join(', ') || 'none'}` : '';
    super(
      `The module of a thread function exports no function ${received}: ${module}. ` +
        `Name one that it exports itself${choices}.`,
    );
  }
}

/** `THREAD_OPTIONS_DIFFER`: two applications of one process share its threads but have different options for them. */
export class ThreadOptionsDifferError extends BackgroundTasksError {
  readonly code = 'THREAD_OPTIONS_DIFFER';

  constructor(options: readonly string[]) {
    super(
      `WorkerThreadsModule was registered with another ${options.join(', ')} than before. The applications of a ` +
        'process share its threads. Give both the same options, or close one before the other starts.',
    );
  }
}

declare module '../errors/background-tasks-error.js' {
  interface BackgroundTasksErrorCodes {
    THREAD_CRASHED: true;
    THREAD_CANCELLED: true;
    THREAD_QUEUE_FULL: true;
    THREAD_VALUE_NOT_CLONEABLE: true;
    THREAD_ARGUMENTS_TOO_LARGE: true;
    THREAD_MODULE_NOT_LOADED: true;
    UNKNOWN_THREAD_EXPORT: true;
    THREAD_OPTIONS_DIFFER: true;
  }
}
