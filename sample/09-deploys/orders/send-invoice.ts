import { defineTask, type Handles, TaskHandler } from 'nestjs-background-tasks';
import { Journal } from './journal.js';

export const SendInvoice = defineTask<{ order: string }>({ name: 'send-invoice' });

@TaskHandler(SendInvoice)
export class SendInvoiceHandler implements Handles<typeof SendInvoice> {
  constructor(private readonly journal: Journal) {}

  run({ order }: { order: string }): Promise<void> {
    return this.journal.write('invoice', order);
  }
}
