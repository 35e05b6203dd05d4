export {
  ThreadArgumentsTooLargeError,
  ThreadCancelledError,
  ThreadCrashedError,
  ThreadModuleNotLoadedError,
  ThreadOptionsDifferError,
  ThreadQueueFullError,
  ThreadValueNotCloneableError,
  UnknownThreadExportError,
} from './thread-errors.js';
export { threadTask } from './thread-task.js';
export type { ThreadExport, ThreadFunction } from './thread-task.js';
export { WorkerThreadsModule } from './worker-threads.module.js';
export type {
  WorkerThreadsModuleAsyncOptions,
  WorkerThreadsOptionsFactory,
} from './worker-threads.module-definition.js';
export type { ThreadResourceLimits, WorkerThreadsModuleOptions } from './worker-threads-options.js';
