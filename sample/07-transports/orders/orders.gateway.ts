import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Receipts } from './receipts.js';

@WebSocketGateway({ path: '/orders' })
export class OrdersGateway {
  constructor(private readonly receipts: Receipts) {}

  @SubscribeMessage('order')
  order(@MessageBody() id: string) {
    return { event: 'taken', data: this.receipts.order(id) };
  }
}
