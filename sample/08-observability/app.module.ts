import { type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { BackgroundTasksInspectorModule } from 'nestjs-background-tasks/inspector';
import { openTelemetryTracing } from 'nestjs-background-tasks/opentelemetry';
import { BackgroundTasksMetricsModule } from 'nestjs-background-tasks/prometheus';
import { BackgroundTasksHealthModule } from 'nestjs-background-tasks/terminus';
import { HealthController } from './health.controller.js';
import { Bank } from './orders/bank.js';
import { Mailer } from './orders/mailer.js';
import { OrdersController } from './orders/orders.controller.js';
import { PackParcelHandler } from './orders/pack-parcel.js';
import { Settings } from './settings.js';
import { requestSpan } from './tracing/request-span.js';
import { Tracing } from './tracing/tracing.js';

@Module({
  imports: [
    BackgroundTasksModule.forRoot({ tracing: openTelemetryTracing(), captureStackTraces: true }),
    BackgroundTasksMetricsModule.forRoot(),
    BackgroundTasksInspectorModule.forRoot({ unsafe: 'loopback-only' }),
    BackgroundTasksHealthModule,
    TerminusModule,
  ],
  controllers: [OrdersController, HealthController],
  providers: [
    Bank,
    Mailer,
    PackParcelHandler,
    Tracing,
    { provide: Settings, useFactory: () => new Settings(process.env) },
  ],
})
export class AppModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(requestSpan).forRoutes(OrdersController);
  }
}
