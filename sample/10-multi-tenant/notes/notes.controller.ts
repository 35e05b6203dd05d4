import { Controller, Get, Param, Post } from '@nestjs/common';
import { BackgroundTasks, Resource, Tasks } from 'nestjs-background-tasks';
import { TenantDatabase } from '../tenants/tenant-database.js';
import { IndexNote } from './index-note.js';

@Controller('notes')
export class NotesController {
  @Post(':text')
  write(
    @Param('text') text: string,
    @Resource(TenantDatabase) database: TenantDatabase,
    @Tasks() tasks: BackgroundTasks,
  ) {
    database.write(`wrote ${text}`);
    // The same connection, which is open until this has run.
    tasks.addTask(database, 'write', `counted ${text} after the response`);
    // A connection of its own, to the database of the same tenant.
    tasks.enqueue(IndexNote, { text });
    return { tenant: database.tenant };
  }

  @Get()
  read(@Resource(TenantDatabase) database: TenantDatabase): readonly string[] {
    return database.lines;
  }
}
