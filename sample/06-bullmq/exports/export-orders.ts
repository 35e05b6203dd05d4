import { defineTask } from 'nestjs-background-tasks';
import { z } from 'zod';

export const ExportOrdersPayload = z.object({ year: z.int().min(2000).max(2099) });
export type ExportOrdersPayload = z.infer<typeof ExportOrdersPayload>;

/** All that both processes have to agree on: what the task is called, and what it is told. */
export const ExportOrders = defineTask({
  name: 'export-orders',
  schema: ExportOrdersPayload,
  timeoutMs: 60_000,
  // BullMQ's own, as are delay, priority and how long a job is kept.
  bullmq: { attempts: 5, backoff: { type: 'exponential', delay: 1_000 } },
});
