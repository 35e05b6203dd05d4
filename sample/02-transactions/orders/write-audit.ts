import { defineTask, type HandlesBatch, TaskHandler } from 'nestjs-background-tasks';
import { DataSource } from 'typeorm';
import { AuditEntry } from './entities.js';

export const WriteAudit = defineTask<{ orderId: number }>({
  name: 'write-audit',
  batch: { maxSize: 100, maxWaitMs: 500 },
});

@TaskHandler(WriteAudit)
export class WriteAuditHandler implements HandlesBatch<typeof WriteAudit> {
  constructor(private readonly dataSource: DataSource) {}

  /** Writes the entries of many orders by one INSERT. */
  async runBatch(entries: readonly { orderId: number }[]): Promise<void> {
    await this.dataSource
      .createQueryBuilder()
      .insert()
      .into(AuditEntry)
      .values([...entries])
      .orIgnore()
      .execute();
  }
}
