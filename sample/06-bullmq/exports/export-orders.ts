import { defineTask } from 'nestjs-background-tasks';
import { z } from 'zod';

export const OrdersExport = z.object({ year: z.int().min(2000).max(2099) });

/** All that both processes have to agree on: what the task is called, and what it is told. */
export const ExportOrders = defineTask({
  name: 'export-orders',
  schema: OrdersExport,
  timeoutMs: 60_000,
  // BullMQ's own, as are delay, priority and how long a job is kept.
  bullmq: { attempts: 5, backoff: { type: 'exponential', delay: 1_000 } },
});
