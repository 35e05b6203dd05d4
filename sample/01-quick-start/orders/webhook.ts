import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { ServerAddress } from '../../server-address.js';
import { Settings } from '../settings/settings.js';
import { Timeline } from '../timeline/timeline.js';
import { REQUEST_ID } from '../timeline/timelines.js';
import { HttpClient } from './http-client.js';

export const OrderId = z.string().regex(/^[\w-]{1,40}$/, 'Letters, digits, _ and - only');

/** Announces orders to whoever listens at WEBHOOK_URL. */
@Injectable()
export class Webhook {
  constructor(
    private readonly client: HttpClient,
    private readonly settings: Settings,
    private readonly address: ServerAddress,
    private readonly timeline: Timeline,
  ) {}

  async announce(orderId: string): Promise<void> {
    const url = this.settings.webhookUrl ?? `${this.address.url}/webhook`;
    const status = await this.client.post(url, { orderId, status: 'paid' }, { [REQUEST_ID]: this.timeline.id });
    if (status >= 400) throw new Error(`The webhook for order ${orderId} was answered with ${status}`);
    this.timeline.note('task', `Webhook answered ${status}`);
  }
}
