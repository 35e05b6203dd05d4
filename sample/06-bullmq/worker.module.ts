import { Module } from '@nestjs/common';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { exportsQueue } from './exports-queue.js';
import { ExportsModule } from './exports/exports.module.js';

/** The process that works: the same handlers, and no server. Start as many as there is work for. */
@Module({ imports: [BackgroundTasksModule.forRoot(), exportsQueue({ worker: { concurrency: 2 } }), ExportsModule] })
export class WorkerModule {}
