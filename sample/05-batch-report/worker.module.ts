import { Module } from '@nestjs/common';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { ReportModule } from './report/report.module.js';
import { reportsQueue } from './reports-queue.js';

/** A worker that dies is missed after five seconds, and another one goes on with its report. */
const worker = { concurrency: 2, lockDurationMs: 5_000, stalledIntervalMs: 2_000 };

@Module({ imports: [BackgroundTasksModule.forRoot(), reportsQueue(worker), ReportModule] })
export class WorkerModule {}
