export { backendContract, type BackendContractCheck } from './backend-contract.js';
export type { BackendContractOptions, BackendUnderTest } from './contract/backend-contract-options.js';
export type { BackgroundTasksMatchers } from './matcher-types.js';
export { backgroundTasksMatchers, type MatcherResult } from './matchers.js';
export type { Matcher, Matching } from './matches.js';
export type { RecordedNamedTask, RecordedTask } from './recorded-task.js';
export { RecordingBackgroundTasks, type RunAllOptions } from './recording-background-tasks.js';
export { settled } from './settled.js';
export { ContractBrokenError, TaskNotRecordedError, TasksFailedError } from './testing-errors.js';
