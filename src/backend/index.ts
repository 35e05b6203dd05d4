export { TaskBackend, TaskBackends } from '../tasks/task-backend.js';
export type { EnqueuedTask, NamedTaskAttempt, NamedTaskResult, NamedTaskRunner } from '../tasks/task-backend.js';
