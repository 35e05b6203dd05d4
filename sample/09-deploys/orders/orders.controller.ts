import { Controller, Param, Post } from '@nestjs/common';
import { BackgroundTasks, Tasks } from 'nestjs-background-tasks';
import { Journal } from './journal.js';
import { SendInvoice } from './send-invoice.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly journal: Journal) {}

  /** One task that lives in this process, and one that Redis has before the answer leaves. */
  @Post(':order')
  create(@Param('order') order: string, @Tasks() tasks: BackgroundTasks) {
    tasks.addTask(this.journal, 'write', 'mail', order);
    tasks.enqueue(SendInvoice, { order });
    return { order };
  }
}
