import { type BackgroundTasks, defineTask, type Handles, TaskHandler } from '../../src/index.js';
import { z } from 'zod';

declare const tasks: BackgroundTasks;

const Invoice = defineTask<{ orderId: string }>({ name: 'invoice', timeoutMs: 5_000 });
const Coerced = defineTask({ name: 'coerced', schema: z.object({ count: z.string().transform(Number) }) });
const Checked = defineTask<{ orderId: string }>({ name: 'checked', schema: z.object({ orderId: z.string() }) });

@TaskHandler(Invoice)
export class InvoiceHandler implements Handles<typeof Invoice> {
  run({ orderId }: { orderId: string }): string {
    return orderId;
  }
}

@TaskHandler(Coerced)
export class CoercedHandler implements Handles<typeof Coerced> {
  async run({ count }: { count: number }): Promise<void> {
    await Promise.resolve(count);
  }
}

export const correct = [
  tasks.enqueue(Invoice, { orderId: 'a' }),
  tasks.enqueue(Checked, { orderId: 'a' }),
  tasks.enqueue(Coerced, { count: '5' }, { idempotencyKey: 'x' }),
  tasks.with({ runOn: 'always' }).enqueue(Invoice, { orderId: 'a' }),
];

export function wrong(): void {
  // @ts-expect-error a payload of another shape
  tasks.enqueue(Invoice, { order: 'a' });
  // @ts-expect-error what the schema makes of it, not what it takes
  tasks.enqueue(Coerced, { count: 5 });
  // @ts-expect-error no payload
  tasks.enqueue(Invoice);
  // @ts-expect-error no such option
  tasks.enqueue(Invoice, { orderId: 'a' }, { key: 'x' });
  // @ts-expect-error a task without a name
  defineTask({ timeoutMs: 5 });
  // @ts-expect-error a name of its own for one task would lead to no handler
  defineTask({ name: 'a', rename: 'b' });
}

// @ts-expect-error the handler of another payload
@TaskHandler(Invoice)
export class WrongHandler {
  run(payload: { orderId: number }): number {
    return payload.orderId;
  }
}

// @ts-expect-error no run()
@TaskHandler(Invoice)
export class Handlerless {}
