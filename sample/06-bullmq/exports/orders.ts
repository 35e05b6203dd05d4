import { Injectable } from '@nestjs/common';
import { setTimeout } from 'node:timers/promises';

/** Stands for a database with a lot in it. */
@Injectable()
export class Orders {
  /** Takes its time, and gives up when it is told to. */
  async inMonth(year: number, month: number, signal: AbortSignal): Promise<readonly string[]> {
    await setTimeout(150, undefined, { signal });
    return Array.from({ length: 28 }, (_, day) => {
      const date = new Date(Date.UTC(year, month - 1, day + 1)).toISOString().slice(0, 10);
      return `${date},${((day * 37 + month * 11) % 90) + 10}.00`;
    });
  }
}
