import { type BackgroundTasks, defineTask, type Handles, type JsonValue, TaskHandler } from '../../src/index.js';
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

type Any = ReturnType<typeof JSON.parse>;
interface Line {
  readonly sku: string;
  readonly count?: number | undefined;
}
interface Order {
  id: string;
  lines: readonly Line[];
  first?: [Line, number?];
  kind: 'new' | 'paid' | null;
  meta: Record<string, unknown>;
  anything: Any;
  parent?: Order;
}
type Id = string & { readonly __brand: 'id' };
type Change = { type: 'add'; sku: string } | { type: 'remove'; lines: number[] };
class OrderDto {
  readonly id = 'a';
}

/** Every payload that is JSON. */
export const json = [
  defineTask({ name: 'a' }),
  defineTask<unknown>({ name: 'a' }),
  defineTask<Any>({ name: 'a' }),
  defineTask<null>({ name: 'a' }),
  defineTask<string | number>({ name: 'a' }),
  defineTask<Id>({ name: 'a' }),
  defineTask<{ id: Id }>({ name: 'a' }),
  defineTask<Order>({ name: 'a' }),
  defineTask<Partial<Order>[]>({ name: 'a' }),
  defineTask<Change>({ name: 'a' }),
  defineTask<OrderDto>({ name: 'a' }),
  defineTask<JsonValue>({ name: 'a' }),
  defineTask<{ value: JsonValue; maybe: string | undefined }>({ name: 'a' }),
  defineTask<[string, ...number[]]>({ name: 'a' }),
  defineTask<Record<string, number>>({ name: 'a' }),
];

/** A schema may take JSON and make anything of it. */
export const Transformed = defineTask({
  name: 'transformed',
  schema: z.object({
    at: z.string().transform((text) => new Date(text)),
    since: z.coerce.date(),
    count: z.number().default(1),
    note: z.string().optional(),
  }),
});
export const transformed: Handles<typeof Transformed> = {
  run: ({ at, since, count, note }) => [at.getTime(), since.getTime(), count.toFixed(), note?.length],
};
tasks.enqueue(Transformed, { at: '2026-01-01', since: '2026-01-01' });

export function wrong(): void {
  // @ts-expect-error the schema takes a text
  tasks.enqueue(Transformed, { at: new Date(), since: '2026-01-01' });
  // @ts-expect-error no Date in a payload
  defineTask<{ at: Date }>({ name: 'a' });
  // @ts-expect-error nor where a schema takes one
  defineTask({ name: 'a', schema: z.object({ at: z.date() }) });
  // @ts-expect-error a schema of another payload
  defineTask<{ orderId: number }>({ name: 'a', schema: z.object({ orderId: z.string() }) });
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
