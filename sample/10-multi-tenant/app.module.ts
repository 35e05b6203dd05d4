import { Module } from '@nestjs/common';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { BullMqBackgroundTasksModule } from 'nestjs-background-tasks/bullmq';
import { IndexNoteHandler } from './notes/index-note.js';
import { NotesController } from './notes/notes.controller.js';
import { Settings } from './settings.js';
import { captureTenant } from './tenants/tenant.js';
import { tenantDatabase } from './tenants/tenant-database.js';

@Module({
  imports: [
    BackgroundTasksModule.forRoot({ captureContext: captureTenant }),
    BullMqBackgroundTasksModule.forRoot({
      connection: new Settings(process.env).redisUrl,
      queueName: 'sample-notes',
    }),
  ],
  controllers: [NotesController],
  providers: [IndexNoteHandler, tenantDatabase],
})
export class AppModule {}
