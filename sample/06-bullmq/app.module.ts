import { Module, StandardSchemaValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { BoardModule } from './board/board.module.js';
import { exportsQueue } from './exports-queue.js';
import { ExportsController } from './exports/exports.controller.js';
import { ExportsModule } from './exports/exports.module.js';
import { HealthController } from './health.controller.js';

/** The process that answers: it puts tasks into the queue, and never takes one out. */
@Module({
  imports: [BackgroundTasksModule.forRoot(), exportsQueue({ worker: false }), ExportsModule, BoardModule],
  controllers: [ExportsController, HealthController],
  providers: [{ provide: APP_PIPE, useClass: StandardSchemaValidationPipe }],
})
export class AppModule {}
