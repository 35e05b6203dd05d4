export { RecordingBackgroundTasks } from './recording-background-tasks.js';
export type { RecordedTask } from './recording-background-tasks.js';
export { settled } from './settled.js';
