import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { z } from 'zod';
import { REQUEST_ID, Timelines } from '../timeline/timelines.js';
import { OrderId } from './webhook.js';

const Notice = z.object({ orderId: OrderId, status: z.literal('paid') });

/** The other side, which would be somebody else's server: it finds the request again by its id. */
@Controller('webhook')
export class WebhookController {
  constructor(private readonly timelines: Timelines) {}

  @Post()
  @HttpCode(204)
  receive(
    @Body({ schema: Notice }) { orderId, status }: z.infer<typeof Notice>,
    @Headers(REQUEST_ID) id: string,
  ): void {
    this.timelines.find(id)?.note('task', `Webhook received: order ${orderId} is ${status}`);
  }
}
