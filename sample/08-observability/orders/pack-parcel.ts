import { trace } from '@opentelemetry/api';
import { BackgroundTasksRef, defineTask, type Handles, TaskHandler } from 'nestjs-background-tasks';
import { setTimeout } from 'node:timers/promises';
import { Mailer } from './mailer.js';

export const PackParcel = defineTask<{ readonly orderId: string }>({ name: 'pack-parcel' });

@TaskHandler(PackParcel)
export class PackParcelHandler implements Handles<typeof PackParcel> {
  constructor(
    private readonly tasks: BackgroundTasksRef,
    private readonly mailer: Mailer,
  ) {}

  async run(): Promise<void> {
    // The instrumentation of a database makes such a span by itself.
    await trace.getTracer('sample').startActiveSpan('SELECT stock', async (span) => {
      await setTimeout(25);
      span.end();
    });
    this.tasks.current.addTask(this.mailer, 'sendTracking');
  }
}
