import { Controller, HttpCode, Param, Post } from '@nestjs/common';
import { BackgroundTasks } from 'nestjs-background-tasks';
import { OrderId, Webhook } from './webhook.js';

/** Injects a request-scoped service, as Nest has always allowed; what it holds open is closed after the task. */
@Controller('orders')
export class OrdersController {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly webhook: Webhook,
  ) {}

  @Post(':orderId/notify')
  @HttpCode(202)
  notify(@Param('orderId', { schema: OrderId }) orderId: string) {
    this.tasks.addTask(this.webhook, 'announce', orderId);
    return { message: `The webhook for order ${orderId} will be called.` };
  }
}
