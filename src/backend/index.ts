export { TaskBackend } from '../contracts/task-backend.js';
export type {
  BackendListener,
  EnqueuedTask,
  NamedTaskAttempt,
  NamedTaskResult,
  NamedTaskRunner,
} from '../contracts/task-backend.js';
export type { EndedTask, GroupProgress } from '../contracts/ended-task.js';
export type { CancelAnswer, NamedTaskError, NamedTaskReport, NamedTaskState } from '../contracts/named-task-report.js';
export { InProcessBackend } from '../named/in-process.backend.js';
