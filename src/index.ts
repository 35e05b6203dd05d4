export type {
  BackgroundTasksModuleAsyncOptions,
  BackgroundTasksModuleExtras,
  BackgroundTasksOptionsFactory,
} from './background-tasks.module-definition.js';
export { BackgroundTasksModule } from './background-tasks.module.js';
export type { BatchOptions, BatchTrigger } from './contracts/batch-options.js';
export type { EndedTask, GroupProgress } from './contracts/ended-task.js';
export type { CancelAnswer, NamedTaskError, NamedTaskReport, NamedTaskState } from './contracts/named-task-report.js';
export type { OnRequestDispose } from './contracts/on-request-dispose.js';
export type { RetryOptions } from './contracts/retry-options.js';
export type { BackendHealth, BackendSettings } from './contracts/task-backend.js';
export type { BatchContext, TaskContext } from './contracts/task-context.js';
export type { JsonValue, TaskEnvelope, TaskEnvelopeContext } from './contracts/task-envelope.js';
export type {
  ObservedBatch,
  ObservedResource,
  ObservedScope,
  ObservedTask,
  ScopeKind,
  TaskEndReason,
  TaskEventName,
  TaskEvents,
} from './contracts/task-events.js';
export type { TaskObserver } from './contracts/task-observer.js';
export { TaskObservers } from './contracts/task-observers.js';
export type { TaskOutcome } from './contracts/task-outcome.js';
export type { TaskReport, TaskState, TerminalTaskState } from './contracts/task-report.js';
export type { TaskTracing } from './contracts/task-tracing.js';
export type { Transaction } from './contracts/transaction.js';
export { provideResource } from './disposal/provide-resource.js';
export type { DisposableResourceProvider, GeneratorResourceProvider } from './disposal/resource-provider.js';
export {
  BackgroundTasksError,
  type BackgroundTasksErrorCode,
  type BackgroundTasksErrorCodes,
} from './errors/background-tasks-error.js';
export {
  DisposeTimeoutError,
  DurableDependencyError,
  InvalidOptionError,
  NotAFunctionError,
  OutsideScopeError,
  OutsideTaskError,
  QueueFullError,
  ResourceCircleError,
  ResourceReleasedEarlyError,
  ResourceReleaseOrderError,
  ResourceYieldedNothingError,
  ResourceYieldedTwiceError,
  ScopeClosedError,
  ShuttingDownError,
  TaskChainTooLongError,
  UnknownMethodError,
  UnknownResourceError,
} from './errors/errors.js';
export {
  BackendUnavailableError,
  BatchError,
  BatchTooLargeError,
  DuplicateTaskError,
  GroupsUnsupportedError,
  InvalidPayloadError,
  TransactionsUnsupportedError,
  UnknownTaskError,
  WrongHandlerError,
} from './errors/named-task-errors.js';
export {
  AlreadyRegisteredError,
  MissingPackageError,
  NotRegisteredError,
  UnsupportedNestError,
} from './errors/set-up-errors.js';
export type { TaskStats } from './execution/task-ledger.js';
export { BackgroundTasksInterceptor } from './http/background-tasks.interceptor.js';
export { Resource } from './handlers/resource.decorator.js';
export { Tasks } from './handlers/tasks.decorator.js';
export { UnitOfWork } from './handlers/unit-of-work.decorator.js';
export { type BatchedTaskDefinitionOptions, defineTask, type TaskDefinitionOptions } from './named/define-task.js';
export {
  type BatchHandlerClass,
  type Handles,
  type HandlesBatch,
  TaskHandler,
  type TaskHandlerClass,
} from './named/task-handler.decorator.js';
export { TaskReports } from './named/task-reports.js';
export type { EnqueueOptions } from './options/enqueue-options.js';
export type { BackgroundTasksModuleOptions } from './options/module-options.js';
export type { TaskOptions } from './options/task-options.js';
export { type TaskScope, type TaskScopeOptions, TaskScopes } from './scope/task-scopes.js';
export { type BackgroundTasksHealth, BackgroundTasksHost } from './shutdown/background-tasks-host.js';
export type { BackgroundTask } from './tasks/background-task.js';
export { BackgroundTasksRef } from './tasks/background-tasks-ref.js';
export { BackgroundTasks } from './tasks/background-tasks.js';
export { currentTask } from './tasks/current-task.js';
export type { MethodArguments, MethodName, TaskFunction, TaskTarget } from './tasks/task-arguments.js';
export type { BackgroundTaskGroup, GroupedTask, GroupOptions } from './tasks/grouped-tasks.js';
export type { BatchedTaskDefinition, TaskDefinition } from './tasks/task-definition.js';
