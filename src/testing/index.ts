export type { Matcher, Matching } from './matches.js';
export type { RecordedNamedTask, RecordedTask } from './recorded-task.js';
export { RecordingBackgroundTasks } from './recording-background-tasks.js';
export { settled } from './settled.js';
export { TaskNotRecordedError, TasksFailedError } from './testing-errors.js';
