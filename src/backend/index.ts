export { TaskBackend } from '../contracts/task-backend.js';
export type {
  BackendListener,
  CarriedTask,
  EnqueuedTask,
  NamedTaskAttempt,
  NamedTaskResult,
  NamedTaskRunner,
} from '../contracts/task-backend.js';
export { InProcessBackend } from '../named/in-process.backend.js';
