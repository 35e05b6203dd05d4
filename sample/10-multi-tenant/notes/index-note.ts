import { defineTask, type Handles, TaskHandler } from 'nestjs-background-tasks';
import { TenantDatabase } from '../tenants/tenant-database.js';

export const IndexNote = defineTask<{ text: string }>({ name: 'index-note' });

@TaskHandler(IndexNote)
export class IndexNoteHandler implements Handles<typeof IndexNote> {
  /** That of the tenant whose request enqueued the task, in whichever process it runs. */
  constructor(private readonly database: TenantDatabase) {}

  run({ text }: { text: string }): void {
    this.database.write(`indexed ${text} by a job`);
  }
}
