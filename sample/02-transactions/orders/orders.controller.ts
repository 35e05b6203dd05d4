import { Body, Controller, Get, Header, Post } from '@nestjs/common';
import { BackgroundTasks, Resource, Tasks } from 'nestjs-background-tasks';
import { readFileSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { AuditEntry, Invoice, Order } from './entities.js';
import { SendInvoice } from './send-invoice.js';
import { Transaction } from './transaction.js';
import { WriteAudit } from './write-audit.js';

const NewOrder = z.object({ replacesId: z.int().nullable().default(null) });

@Controller()
export class OrdersController {
  readonly #page = readFileSync(new URL('../index.html', import.meta.url), 'utf8');

  constructor(private readonly dataSource: DataSource) {}

  /** The order, the COMMIT and the tasks are one thing: there is all of it, or an error and nothing. */
  @Post('orders')
  async order(
    @Body({ schema: NewOrder }) newOrder: z.infer<typeof NewOrder>,
    @Resource(Transaction) transaction: Transaction,
    @Tasks() tasks: BackgroundTasks,
  ) {
    const { id: orderId } = await transaction.save(Order, newOrder);
    tasks.enqueue(SendInvoice, { orderId });
    tasks.enqueue(WriteAudit, { orderId });
    return { orderId };
  }

  /** Reads what has been committed. */
  @Get('orders')
  async stored() {
    const { manager } = this.dataSource;
    const orders = await manager.find(Order, { order: { id: 'DESC' } });
    const invoices = await manager.find(Invoice, { order: { orderId: 'DESC' } });
    const inserts = await manager
      .createQueryBuilder(AuditEntry, 'entry')
      .select('entry.insertedAt', 'insertedAt')
      .addSelect('count(*)::int', 'entries')
      .groupBy('entry.insertedAt')
      .orderBy('entry.insertedAt', 'DESC')
      .getRawMany<{ insertedAt: Date; entries: number }>();
    return { orders: orders.map(({ id }) => id), invoices: invoices.map(({ orderId }) => orderId), inserts };
  }

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  page(): string {
    return this.#page;
  }
}
