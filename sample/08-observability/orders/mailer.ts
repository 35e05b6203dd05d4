import { Injectable } from '@nestjs/common';
import { currentTask } from 'nestjs-background-tasks';
import { setTimeout } from 'node:timers/promises';

@Injectable()
export class Mailer {
  /** Succeeds when it is tried again, so that there is something to see. */
  async sendReceipt(): Promise<void> {
    await setTimeout(20);
    if (currentTask().attempt === 1) throw new Error('The mail server is busy');
  }

  async sendTracking(): Promise<void> {
    await setTimeout(10);
  }
}
