import { BackgroundTasksError, UnavailableError } from './background-tasks-error.js';
import { describeKind, describeValue } from './describe-value.js';

/** `INVALID_OPTION`: an option has a value it cannot have, or a name that does not exist. */
export class InvalidOptionError extends BackgroundTasksError {
  readonly code = 'INVALID_OPTION';

  constructor(
    option: string,
    received: unknown,
    fix: string,
    description = describeValue(received),
    cause?: { readonly cause: unknown },
  ) {
    super(`Invalid option "${option}": received ${description}. ${fix}`, cause);
  }
}

/** `NOT_A_FUNCTION`: `addTask` was given something that cannot be called. */
export class NotAFunctionError extends BackgroundTasksError {
  readonly code = 'NOT_A_FUNCTION';

  /** `definition` is the name of the named task, where its definition was given. */
  constructor(received: unknown, definition?: string) {
    super(
      definition === undefined
        ? `addTask() needs a function: received ${describeKind(received)}. Pass the function itself, addTask(send, ` +
            'id), not the result of calling it, addTask(send(id)); for a method pass the object and its name, ' +
            "addTask(mailer, 'send', id)."
        : `addTask() needs a function: received the definition of task "${definition}". Use enqueue(definition, payload).`,
    );
  }
}

/** `UNKNOWN_METHOD`: `addTask(target, 'method')` names a method that the target does not have. */
export class UnknownMethodError extends BackgroundTasksError {
  readonly code = 'UNKNOWN_METHOD';

  /** `cause` is what the target threw where the method was read, if it did. */
  constructor(target: object, method: unknown, cause?: { readonly cause: unknown }) {
    super(
      `addTask() found no method ${typeof method === 'string' ? describeValue(method) : describeKind(method)} on ` +
        `${describeKind(target)}. Check the spelling, and that the member is a method rather than a value.` +
        (cause ? ' Reading it threw an error: look at "cause".' : ''),
      cause,
    );
  }
}

/** `OUTSIDE_SCOPE`: there is no request, message or unit of work to attach a task or a resource to. */
export class OutsideScopeError extends BackgroundTasksError {
  readonly code = 'OUTSIDE_SCOPE';

  /** `way` is the way by which `what` was to be reached, which decides what mends it. */
  constructor(what: string, way: keyof typeof WAYS_IN) {
    super(`${what} was used outside any request. ${WAYS_IN[way]}`);
  }
}

/** The fix for each way to tasks and resources. */
const WAYS_IN = {
  reference:
    'Wrap work that is no request in TaskScopes.run(). In a request, let a class that is built at start-up inject ' +
    'BackgroundTasksRef (moduleRef.get() is not enough), and read its current tasks before you wait for an event of ' +
    'another connection.',
  injector:
    'For work that is no request, call TaskScopes.run() and resolve the class with the resolve() of its scope. In a ' +
    'request, inject the class, or call moduleRef.resolve() with a context id for which ' +
    'moduleRef.registerRequestByContextId() was given the request.',
  handler:
    'For a message of a microservice import MicroservicesBackgroundTasksModule, for one of a WebSocket gateway ' +
    'WebSocketsBackgroundTasksModule, for a resolver of GraphQL GraphQLBackgroundTasksModule. In any other handler ' +
    'wrap the work in TaskScopes.run().',
} as const;

/** `OUTSIDE_TASK`: `currentTask()` was called by code that no task is running. */
export class OutsideTaskError extends BackgroundTasksError {
  readonly code = 'OUTSIDE_TASK';

  constructor() {
    super(
      'currentTask() was called outside a task. Call it in the function given to addTask(), or in what that ' +
        'function calls.',
    );
  }
}

/** `SCOPE_CLOSED`: the tasks of this request have run and its resources are disposed. */
export class ScopeClosedError extends BackgroundTasksError {
  readonly code = 'SCOPE_CLOSED';

  constructor(what: string) {
    super(
      `${what} came after its request was over: its tasks have run and its resources are disposed. Await the work ` +
        'in the handler so that it adds its tasks in time, or start a unit of work of its own with TaskScopes.run().',
    );
  }
}

/** `SHUTTING_DOWN`: the application has drained and takes no more work. Answered with 503. */
export class ShuttingDownError extends UnavailableError {
  readonly code = 'SHUTTING_DOWN';

  constructor(what: string) {
    super(
      `${what} was refused: the application is shutting down. Start no new work once ` +
        'BackgroundTasksHost.isDraining is true; in a shutdown hook, call the function itself.',
    );
  }
}

/** `QUEUE_FULL`: `maxPending` tasks are waiting already. Answered with 503. */
export class QueueFullError extends UnavailableError {
  readonly code = 'QUEUE_FULL';

  /** `canWait` says whether `overflow: 'wait'` would have held the response, in place of this error. */
  constructor(name: string, maxPending: number, canWait = false) {
    const wait = canWait
      ? "set overflow: 'wait' to hold responses until there is room (which cannot help a request that adds more than " +
        'maxPending alone), '
      : '';
    super(
      `Task "${name}" was refused: ${maxPending} tasks are waiting already. Raise maxPending if memory allows, ` +
        `${wait}or enqueue named tasks on a backend, which do not wait here.`,
    );
  }
}

/** `TASK_CHAIN_TOO_LONG`: a task added a task that added a task, and so on without an end. */
export class TaskChainTooLongError extends BackgroundTasksError {
  readonly code = 'TASK_CHAIN_TOO_LONG';

  constructor(name: string, limit: number) {
    super(
      `Task "${name}" is number ${limit + 1} in a chain of tasks that each added the next, which keeps its request ` +
        'open without an end. Loop inside one task, or use a scheduler for work that repeats.',
    );
  }
}

/**
 * `UNKNOWN_RESOURCE`: `@Resource(token)` names a token that no `provideResource()` visible to the controller provides.
 */
export class UnknownResourceError extends BackgroundTasksError {
  readonly code = 'UNKNOWN_RESOURCE';

  constructor(token: string, handler: string) {
    super(
      `@Resource(${token}) in ${handler} names no resource. Provide the token with provideResource({ provide: ` +
        `${token}, … }) in the module of the controller, or in a module that it imports and that exports the token.`,
    );
  }
}

/** `RESOURCE_YIELDED_NOTHING`: a resource's generator returned before its first `yield`. */
export class ResourceYieldedNothingError extends BackgroundTasksError {
  readonly code = 'RESOURCE_YIELDED_NOTHING';

  constructor(resource: string) {
    super(
      `The factory of resource ${resource} returned without a yield. Yield the value once: what stands before the ` +
        'yield acquires it, what stands after releases it.',
    );
  }
}

/** `RESOURCE_YIELDED_TWICE`: a resource's generator yielded a second value instead of returning. */
export class ResourceYieldedTwiceError extends BackgroundTasksError {
  readonly code = 'RESOURCE_YIELDED_TWICE';

  /** `cause` is what the generator threw when it was made to return, if it did. */
  constructor(resource: string, cause?: { readonly cause: unknown }) {
    super(
      `The factory of resource ${resource} yielded a second time. Yield the value once; a catch block must rethrow ` +
        'or return, not yield again.',
      cause,
    );
  }
}

/**
 * `RESOURCE_RELEASE_ORDER`: an `'after-tasks'` resource depends on a `'before-response'` one, which is gone by then.
 */
export class ResourceReleaseOrderError extends BackgroundTasksError {
  readonly code = 'RESOURCE_RELEASE_ORDER';

  constructor(dependent: string, dependency: string) {
    super(
      `Resource ${dependent} is released 'after-tasks' but depends on ${dependency}, which is released ` +
        `'before-response' and would be closed under it. Give ${dependency} release: 'after-tasks', or ${dependent} ` +
        "release: 'before-response'.",
    );
  }
}

/** `RESOURCE_RELEASED_EARLY`: a task was given a `'before-response'` resource, which is gone when the task runs. */
export class ResourceReleasedEarlyError extends BackgroundTasksError {
  readonly code = 'RESOURCE_RELEASED_EARLY';

  constructor(task: string, resource: string) {
    super(
      `Task "${task}" was given resource ${resource}, which is released 'before-response', so before the task runs. ` +
        "Give the task what it needs from the resource, such as an id, or give the resource release: 'after-tasks'.",
    );
  }
}

/** `RESOURCE_CIRCLE`: a resource depends on itself, directly or through what it depends on. */
export class ResourceCircleError extends BackgroundTasksError {
  readonly code = 'RESOURCE_CIRCLE';

  constructor(circle: readonly string[]) {
    super(
      `Resource ${circle[0]} depends on itself: ${circle.join(' → ')}. Move what both ends need into a third ` +
        'provider that neither of them provides.',
    );
  }
}

/**
 * `DURABLE_DEPENDENCY`: a durable provider injects, directly or not, what ends with the request that it was built for.
 */
export class DurableDependencyError extends BackgroundTasksError {
  readonly code = 'DURABLE_DEPENDENCY';

  constructor(path: readonly string[]) {
    super(
      `Durable provider ${path[0]} outlives the request that it was built for, but injects ${path.at(-1)}, which ends ` +
        `with that request: ${path.join(' → ')}. In place of BackgroundTasks inject BackgroundTasksRef. Anything else ` +
        'give to the method that uses it, as an argument. Or leave out durable: true.',
    );
  }
}

/** `DISPOSE_TIMEOUT`: a disposer took longer than `disposeTimeoutMs`. */
export class DisposeTimeoutError extends BackgroundTasksError {
  readonly code = 'DISPOSE_TIMEOUT';

  constructor(name: string, timeoutMs: number) {
    super(
      `Disposing ${name} took longer than ${timeoutMs} ms and is no longer waited for. ` +
        'Bound what it waits on, or raise disposeTimeoutMs.',
    );
  }
}
