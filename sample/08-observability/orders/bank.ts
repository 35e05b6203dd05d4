import { Injectable } from '@nestjs/common';
import { setTimeout } from 'node:timers/promises';

@Injectable()
export class Bank {
  async refund(): Promise<void> {
    await setTimeout(15);
    throw new Error('The bank is closed');
  }
}
