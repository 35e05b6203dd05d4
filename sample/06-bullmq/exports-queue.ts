import { BullMqBackgroundTasksModule, type BullMqWorkerOptions } from 'nestjs-background-tasks/bullmq';
import { Settings } from './settings.js';
import { SettingsModule } from './settings.module.js';

/** One queue for all processes. Which of them work on it is all in which they differ. */
export const exportsQueue = ({ worker }: { readonly worker: BullMqWorkerOptions | false }) =>
  BullMqBackgroundTasksModule.forRootAsync({
    imports: [SettingsModule],
    inject: [Settings],
    useFactory: ({ redisUrl }: Settings) => ({ connection: redisUrl, queueName: 'sample-exports', worker }),
  });
