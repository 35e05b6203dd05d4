import { Module, StandardSchemaValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { BullMqBackgroundTasksModule } from 'nestjs-background-tasks/bullmq';
import { AuditEntry, Invoice, Order } from './orders/entities.js';
import { OrdersController } from './orders/orders.controller.js';
import { SendInvoiceHandler } from './orders/send-invoice.js';
import { transaction } from './orders/transaction.js';
import { WriteAuditHandler } from './orders/write-audit.js';
import { Settings } from './settings.js';

const { databaseUrl } = new Settings(process.env);

/** Takes orders and runs their tasks. The orders and the queue are in one database, or they could not be one thing. */
@Module({
  imports: [
    BackgroundTasksModule.forRoot(),
    BullMqBackgroundTasksModule.forRoot({ postgres: databaseUrl, migrate: true, queueName: 'sample-orders' }),
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: databaseUrl,
      entities: [Order, Invoice, AuditEntry],
      entityPrefix: 'sample_',
      // Good for a sample; a real application migrates.
      synchronize: true,
    }),
  ],
  controllers: [OrdersController],
  providers: [
    transaction,
    SendInvoiceHandler,
    WriteAuditHandler,
    { provide: APP_PIPE, useClass: StandardSchemaValidationPipe },
  ],
})
export class AppModule {}
