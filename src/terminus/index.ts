export { type BackgroundTasksHealthLimits, BackgroundTasksHealthIndicator } from './background-tasks.health.js';
export { BackgroundTasksHealthModule } from './background-tasks-health.module.js';
