import { Module } from '@nestjs/common';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { BullMqBackgroundTasksModule } from 'nestjs-background-tasks/bullmq';
import { Journal } from './orders/journal.js';
import { OrdersController } from './orders/orders.controller.js';
import { SendInvoiceHandler } from './orders/send-invoice.js';
import { Settings } from './settings.js';

@Module({
  imports: [
    BackgroundTasksModule.forRoot({ lossNotice: false }),
    BullMqBackgroundTasksModule.forRoot({
      connection: new Settings(process.env).redisUrl,
      queueName: 'sample-deploys',
      // A worker that was killed is missed after this time, and its jobs run elsewhere. The default is 30 s.
      worker: { concurrency: 50, lockDurationMs: 2_000, stalledIntervalMs: 1_000 },
    }),
  ],
  controllers: [OrdersController],
  providers: [Journal, SendInvoiceHandler],
})
export class AppModule {}
