import { Controller, Delete, HttpCode, Param, Post } from '@nestjs/common';
import { BackgroundTasks, Tasks } from 'nestjs-background-tasks';
import { Bank } from './bank.js';
import { Mailer } from './mailer.js';
import { PackParcel } from './pack-parcel.js';

@Controller('orders')
export class OrdersController {
  constructor(
    private readonly mailer: Mailer,
    private readonly bank: Bank,
  ) {}

  @Post()
  create(@Tasks() tasks: BackgroundTasks) {
    tasks.with({ retry: { attempts: 3, delayMs: 50 } }).addTask(this.mailer, 'sendReceipt');
    tasks.enqueue(PackParcel, { orderId: '7' });
    return { id: '7' };
  }

  @Delete(':id')
  @HttpCode(202)
  cancel(@Param('id') id: string, @Tasks() tasks: BackgroundTasks) {
    tasks.addTask(this.bank, 'refund');
    return { message: `The money for order ${id} will be paid back.` };
  }
}
