export { RecordingBackgroundTasks } from './recording-background-tasks.js';
export type { RecordedTask, RecordingTasks } from './recording-background-tasks.js';
export { settled } from './settled.js';
export type { RecordedNamedTask } from './recorded-named-tasks.js';
