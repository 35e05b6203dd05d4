import { BullMqBackgroundTasksModule, type BullMqWorkerOptions } from 'nestjs-background-tasks/bullmq';
import { Settings, SettingsModule } from './settings.js';

/** One queue for both processes. */
export const reportsQueue = (worker: BullMqWorkerOptions | false) =>
  BullMqBackgroundTasksModule.forRootAsync({
    imports: [SettingsModule],
    inject: [Settings],
    useFactory: ({ redisUrl }: Settings) => ({ connection: redisUrl, queueName: 'sample-reports', worker }),
  });
