import { Module } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTask, TaskHandler, TaskScopes } from '../../src/index.js';
import { startContext } from '../support/start-context.js';

const names = ['a', '0', 'send-invoice', 'mail.welcome_v2', 'x'.repeat(128)];
const noNames = [
  '',
  'constructor',
  '__proto__',
  'valueOf',
  'toString',
  'Send',
  '-a',
  '.a',
  'a b',
  'a:b',
  'ä',
  'x'.repeat(129),
  'x'.repeat(1_000_000),
  undefined,
  5,
];

const Invoice = z.object({ orderId: z.string(), copies: z.number().default(1) });

describe('defineTask', () => {
  it.each(names)('takes the name %j', (name) => {
    expect(defineTask({ name }).name).toBe(name);
  });

  it.each(noNames)('refuses the name %j', (name) => {
    expect(() => defineTask({ name: name as string })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });

  it.each([
    [{ timeout: 5 }, 'timeout'],
    [{ timeoutMs: -1 }, 'timeoutMs'],
    [{ retry: { attempts: 0 } }, 'retry.attempts'],
    [{ schema: {} }, 'schema'],
    [{ bullmq: 'fast' }, 'bullmq'],
    [{ batch: true }, 'batch'],
    [{ batch: {} }, 'batch.maxSize'],
    [{ batch: { maxSize: 10 } }, 'batch.maxWaitMs'],
    [{ batch: { maxSize: 0, maxWaitMs: 5 } }, 'batch.maxSize'],
    [{ batch: { maxSize: 1.5, maxWaitMs: 5 } }, 'batch.maxSize'],
    [{ batch: { maxSize: Infinity, maxWaitMs: 5 } }, 'batch.maxSize'],
    [{ batch: { maxSize: 10, maxWaitMs: -1 } }, 'batch.maxWaitMs'],
    [{ batch: { maxSize: 10, maxWaitMs: 2 ** 31 } }, 'batch.maxWaitMs'],
    [{ batch: { maxSize: 10, maxWaitMs: 5, concurrency: 2 } }, 'batch.concurrency'],
  ])('refuses %j, naming the option', (options, option) => {
    expect(() => defineTask({ name: 'a', ...(options as object) })).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: expect.stringContaining(`defineTask.${option}`) as string,
      }),
    );
  });

  it.each([undefined, null, 'send-invoice', class Unnamed {}, { name: 'send-invoice' }])(
    'is what %o is not',
    async (value) => {
      const says = 'Give what defineTask() returned';
      expect(() => TaskHandler(value as never)).toThrow(says);

      const { app } = await startContext();
      const enqueued = app.get(TaskScopes).run(({ tasks }) => void tasks.enqueue(value as never, {}));
      await expect(enqueued).rejects.toThrow(says);
    },
  );

  it('is frozen', () => {
    expect(Object.isFrozen(defineTask({ name: 'a', timeoutMs: 5 }))).toBe(true);
  });
});

describe('the schema of a task', () => {
  const SendInvoice = defineTask({ name: 'send-invoice', schema: Invoice });
  const seen: unknown[] = [];

  @TaskHandler(SendInvoice)
  class SendInvoiceHandler {
    run(payload: { orderId: string; copies: number }): void {
      seen.push(payload);
    }
  }

  it('refuses a payload where it is enqueued, with the path and without the payload', async () => {
    const { app } = await startContext({ providers: [SendInvoiceHandler] });
    const run = app.get(TaskScopes).run(({ tasks }) => void tasks.enqueue(SendInvoice, { orderId: 77 as never }));
    await expect(run).rejects.toMatchObject({
      code: 'INVALID_PAYLOAD',
      path: '$.orderId',
      message: expect.not.stringContaining('77') as string,
    });
  });

  it('gives the handler what it makes of the payload', async () => {
    const { app } = await startContext({ providers: [SendInvoiceHandler] });
    await app.get(TaskScopes).run(({ tasks }) => void tasks.enqueue(SendInvoice, { orderId: 'A1' }));
    expect(seen).toEqual([{ orderId: 'A1', copies: 1 }]);
  });

  it('has to be synchronous', async () => {
    const Slow = defineTask({ name: 'slow', schema: z.string().refine(async () => true) });
    @TaskHandler(Slow)
    class SlowHandler {
      run(): void {}
    }
    const { app } = await startContext({ providers: [SlowHandler] });
    await expect(app.get(TaskScopes).run(({ tasks }) => void tasks.enqueue(Slow, 'x'))).rejects.toMatchObject({
      code: 'INVALID_PAYLOAD',
      message: expect.stringContaining('asynchronous') as string,
    });
  });
});

describe('the handler of a task', () => {
  const Ping = defineTask<null>({ name: 'ping' });

  @TaskHandler(Ping)
  class PingHandler {
    run(): void {}
  }

  it('is missed where the task is enqueued', async () => {
    const { app } = await startContext();
    await expect(app.get(TaskScopes).run(({ tasks }) => void tasks.enqueue(Ping, null))).rejects.toMatchObject({
      code: 'UNKNOWN_TASK',
      message: expect.stringContaining('"ping"') as string,
    });
  });

  it('is not found by another definition of the same name', async () => {
    const { app } = await startContext({ providers: [PingHandler] });
    const Other = defineTask<null>({ name: 'ping' });
    await expect(app.get(TaskScopes).run(({ tasks }) => void tasks.enqueue(Other, null))).rejects.toMatchObject({
      code: 'UNKNOWN_TASK',
    });
  });

  it('is the only one of its name, or the application does not start', async () => {
    @TaskHandler(defineTask<null>({ name: 'ping' }))
    class PongHandler {
      run(): void {}
    }
    await expect(startContext({ providers: [PingHandler, PongHandler] })).rejects.toMatchObject({
      code: 'DUPLICATE_TASK',
      message: expect.stringMatching(/PingHandler.*PongHandler/) as string,
    });
  });

  it('is provided by one module only, or the application does not start', async () => {
    @Module({ providers: [PingHandler] })
    class Again {}
    await expect(startContext({ imports: [Again], providers: [PingHandler] })).rejects.toMatchObject({
      code: 'DUPLICATE_TASK',
      message: expect.stringContaining('PingHandler of Root, PingHandler of Again') as string,
    });
  });

  it('is not inherited', async () => {
    class Loud extends PingHandler {}
    await expect(startContext({ providers: [PingHandler, Loud] })).resolves.toBeDefined();
  });
});
