import { Module, StandardSchemaValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { ReportModule } from './report/report.module.js';
import { ReportsController } from './report/reports.controller.js';
import { reportsQueue } from './reports-queue.js';

/** The process that answers: it orders reports, shows how far they are, and never makes one. */
@Module({
  imports: [BackgroundTasksModule.forRoot(), reportsQueue(false), ReportModule],
  controllers: [ReportsController],
  providers: [{ provide: APP_PIPE, useClass: StandardSchemaValidationPipe }],
})
export class AppModule {}
