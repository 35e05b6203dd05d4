import { Injectable } from '@nestjs/common';
import { BackgroundTasksRef } from 'nestjs-background-tasks';
import { setTimeout } from 'node:timers/promises';

/** Sends a receipt after the answer, whichever way an order came in. It is a singleton, and knows nothing of transports. */
@Injectable()
export class Receipts {
  constructor(private readonly tasks: BackgroundTasksRef) {}

  order(id: string): string {
    this.tasks.current.addTask(sendReceipt, id);
    return `order ${id} is taken`;
  }
}

async function sendReceipt(id: string): Promise<void> {
  await setTimeout(100);
  console.log(`  receipt of ${id} sent`);
}
