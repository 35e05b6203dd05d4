export { BullMqBackend } from './bullmq.backend.js';
export { BullMqBackgroundTasksModule } from './bullmq.module.js';
export type {
  BullMqModuleAsyncOptions,
  BullMqModuleOptions,
  BullMqOptionsFactory,
} from './bullmq.module-definition.js';
export { BullMqHealth } from './bullmq-health.js';
export type {
  BullMqLimiter,
  BullMqOptions,
  BullMqPostgresOptions,
  BullMqRedisOptions,
  BullMqWorkerOptions,
} from './options/bullmq-options.js';
export { BullMqSchedules } from './bullmq-schedules.js';
export { BullMqTasks } from './bullmq-tasks.js';
export type {
  BullMqFailedFilter,
  BullMqIdleFilter,
  BullMqListedTask,
  BullMqPage,
  BullMqTaskFilter,
  BullMqTaskState,
} from './listed-task.js';
export type { BullMqSchedule } from './schedules/find-schedules.js';
export type { BullMqRepeat, BullMqScheduleSettings } from './schedules/new-schedule.js';
export { Scheduled } from './schedules/scheduled.decorator.js';
export type { ScheduledOptions } from './schedules/scheduled.decorator.js';
export type { BullMqBackoff, BullMqRetention, BullMqTaskSettings } from './options/bullmq-task-settings.js';
export { migrateBullMq } from './server/migrate.js';
