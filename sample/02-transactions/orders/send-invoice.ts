import { defineTask, type Handles, TaskHandler } from 'nestjs-background-tasks';
import { DataSource } from 'typeorm';
import { Invoice } from './entities.js';

export const SendInvoice = defineTask<{ orderId: number }>({ name: 'send-invoice' });

@TaskHandler(SendInvoice)
export class SendInvoiceHandler implements Handles<typeof SendInvoice> {
  constructor(private readonly dataSource: DataSource) {}

  /** May run twice, and then leaves the invoice that is there. */
  async run({ orderId }: { orderId: number }): Promise<void> {
    await this.dataSource.createQueryBuilder().insert().into(Invoice).values({ orderId }).orIgnore().execute();
  }
}
