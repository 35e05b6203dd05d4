import { Module } from '@nestjs/common';
import { ServerModule } from '../server/server.module.js';
import { SettingsModule } from '../settings/settings.module.js';
import { TimelineModule } from '../timeline/timeline.module.js';
import { HttpClient } from './http-client.js';
import { OrdersController } from './orders.controller.js';
import { WebhookController } from './webhook.controller.js';
import { Webhook } from './webhook.js';

@Module({
  imports: [ServerModule, SettingsModule, TimelineModule],
  controllers: [OrdersController, WebhookController],
  providers: [HttpClient, Webhook],
})
export class OrdersModule {}
