export { BackgroundTasksError } from './errors/background-tasks-error.js';
export type { BackgroundTasksErrorCode, BackgroundTasksErrorCodes } from './errors/background-tasks-error.js';
export { BackgroundTasksModule } from './background-tasks.module.js';
export type { BackgroundTasksModuleExtras } from './background-tasks.module-definition.js';
export type { OnRequestDispose } from './contracts/on-request-dispose.js';
export type { JsonValue } from './contracts/json.js';
export type { TaskContext } from './contracts/task-context.js';
export type { TaskEnvelope, TaskEnvelopeContext } from './contracts/task-envelope.js';
export type { TaskEvent, TaskObserver } from './contracts/task-observer.js';
export type { TaskOutcome } from './contracts/task-outcome.js';
export type { TaskReport, TaskState, TerminalTaskState } from './contracts/task-report.js';
export type { TracePropagation } from './contracts/trace-propagation.js';
export { provideResource } from './disposal/provide-resource.js';
export type { DisposableResourceProvider, GeneratorResourceProvider } from './disposal/resource-provider.js';
export {
  AlreadyRegisteredError,
  DisposeTimeoutError,
  InvalidOptionError,
  NotAFunctionError,
  OutsideScopeError,
  OutsideTaskError,
  QueueFullError,
  ResourceCircleError,
  ResourceReleaseOrderError,
  ResourceYieldedNothingError,
  ResourceYieldedTwiceError,
  ScopeClosedError,
  ShuttingDownError,
  TaskChainTooLongError,
  UnknownMethodError,
  UnknownResourceError,
  UnsupportedNestError,
} from './errors/errors.js';
export type { TaskStats } from './execution/in-flight.js';
export { BackgroundTasksInterceptor } from './http/background-tasks.interceptor.js';
export { Resource } from './http/resource.decorator.js';
export { Tasks } from './http/tasks.decorator.js';
export type { BackgroundTasksModuleOptions } from './options/module-options.js';
export type { RetryOptions, TaskOptions } from './options/task-options.js';
export { TaskScopes } from './scope/task-scopes.js';
export type { TaskScope } from './scope/task-scopes.js';
export { BackgroundTasksHost } from './shutdown/background-tasks-host.js';
export {
  BackendUnavailableError,
  DuplicateTaskError,
  InvalidPayloadError,
  UnknownTaskError,
} from './errors/named-task-errors.js';
export { BackgroundTasksRef, currentTask } from './tasks/ambient.js';
export type { BackendSettings } from './tasks/backend-settings.js';
export type { BackgroundTask } from './tasks/background-task.js';
export { BackgroundTasks } from './tasks/background-tasks.js';
export type { MethodArguments, MethodName, TaskFunction, TaskTarget } from './tasks/background-tasks.js';
export { defineTask } from './tasks/define-task.js';
export type { TaskDefinition, TaskDefinitionOptions } from './tasks/define-task.js';
export type { EnqueueOptions } from './tasks/enqueue-options.js';
export { TaskHandler } from './tasks/task-handler.decorator.js';
export type { Handles, TaskRuns } from './tasks/task-handler.decorator.js';
