import { Inject } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { type Handles, type TaskContext, TaskHandler } from 'nestjs-background-tasks';
import { ExportFile } from './export-file.js';
import { ExportOrders, type ExportOrdersPayload } from './export-orders.js';
import { Orders } from './orders.js';

/** Runs in the worker. The web process has it, too, and so knows which tasks there are. */
@TaskHandler(ExportOrders)
export class ExportOrdersHandler implements Handles<typeof ExportOrders> {
  constructor(
    private readonly orders: Orders,
    private readonly file: ExportFile,
    @Inject(REQUEST) private readonly task: TaskContext,
  ) {}

  async run({ year }: ExportOrdersPayload): Promise<void> {
    this.file.name = `orders-${year}.csv`;
    for (let month = 1; month <= 12; month++) {
      await this.file.append(await this.orders.inMonth(year, month, this.task.signal));
      this.task.progress(Math.round((month / 12) * 100));
    }
  }
}
