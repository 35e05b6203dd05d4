import { Module } from '@nestjs/common';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { ExportsModule } from './exports/exports.module.js';
import { queue } from './queue.js';

/** The process that works: the same handlers, and no server. Start as many as there is work for. */
@Module({ imports: [BackgroundTasksModule.forRoot(), queue({ concurrency: 2 }), ExportsModule] })
export class WorkerModule {}
