import { type MiddlewareConsumer, Module, type NestModule, StandardSchemaValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { BackgroundTasksInspectorModule } from 'nestjs-background-tasks/inspector';
import { HomeModule } from './home/home.module.js';
import { ItemsController } from './items/items.controller.js';
import { ItemsModule } from './items/items.module.js';
import { OrdersController } from './orders/orders.controller.js';
import { OrdersModule } from './orders/orders.module.js';
import { ReportController } from './report/report.controller.js';
import { ReportModule } from './report/report.module.js';
import { TimelineMiddleware } from './timeline/timeline.middleware.js';
import { TimelineModule } from './timeline/timeline.module.js';
import { UsersController } from './users/users.controller.js';
import { UsersModule } from './users/users.module.js';

@Module({
  imports: [
    BackgroundTasksModule.forRoot(),
    // For whoever has started the sample. A deployed application says who may see the page: authorize.
    BackgroundTasksInspectorModule.forRoot({ path: 'background-tasks', unsafe: 'loopback-only' }),
    TimelineModule,
    UsersModule,
    ItemsModule,
    OrdersModule,
    ReportModule,
    HomeModule,
  ],
  providers: [{ provide: APP_PIPE, useClass: StandardSchemaValidationPipe }],
})
export class AppModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(TimelineMiddleware).forRoutes(UsersController, ItemsController, OrdersController, ReportController);
  }
}
