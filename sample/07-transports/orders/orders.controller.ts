import { Controller, Param, Post } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Receipts } from './receipts.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly receipts: Receipts) {}

  @Post(':id')
  byRequest(@Param('id') id: string): string {
    return this.receipts.order(id);
  }

  @MessagePattern('order')
  byMessage(@Payload() id: string): string {
    return this.receipts.order(id);
  }
}
