import { describe, expect, it } from 'vitest';
import { BackgroundTasksError, defineTask } from '../../src/index.js';
import { startContext } from '../support/start-context.js';

describe('B6 what cannot be a task', () => {
  it.each<{ what: string; given: unknown; received: string }>([
    { what: 'undefined', given: undefined, received: 'undefined' },
    { what: 'null', given: null, received: 'null' },
    { what: 'a string', given: 'sendMail', received: 'a string' },
    { what: 'a number', given: 7, received: 'a number' },
    { what: 'a symbol', given: Symbol('task'), received: 'a symbol' },
    { what: 'an object without a method name', given: { send() {} }, received: 'an instance of Object' },
    { what: 'the result of calling the function', given: Promise.resolve(), received: 'an instance of Promise' },
  ])('refuses $what at once and names the fix', async ({ given, received }) => {
    const { run, host } = await startContext();
    await run((tasks) => {
      expect(() => tasks.addTask(given as () => void)).toThrow(
        expect.objectContaining({
          code: 'NOT_A_FUNCTION',
          message: expect.stringContaining(`received ${received}`) as string,
        }),
      );
      expect(() => tasks.addTask(given as () => void)).toThrow('Pass the function itself, addTask(send, id)');
      expect(() => tasks.addTask(given as () => void)).toThrow(BackgroundTasksError);
    });
    expect(host.stats().accepted).toBe(0);
  });

  it('refuses the definition of a named task, and names enqueue()', async () => {
    const { run } = await startContext();
    const SendInvoice = defineTask<{ orderId: string }>({ name: 'send-invoice' });

    await run((tasks) => {
      expect(() => tasks.addTask(SendInvoice as never, { orderId: 'A-1' } as never)).toThrow(
        expect.objectContaining({
          code: 'NOT_A_FUNCTION',
          message:
            'addTask() needs a function: received the definition of task "send-invoice". ' +
            'Use enqueue(definition, payload).',
        }),
      );
    });
  });

  it.each<{ what: string; target: unknown; member: unknown; received: string }>([
    {
      what: 'a method that does not exist',
      target: new (class Mailer {})(),
      member: 'send',
      received: 'no method "send" on an instance of Mailer',
    },
    { what: 'a member that is a value', target: { send: 'later' }, member: 'send', received: 'no method "send"' },
    {
      what: 'a method name that is undefined',
      target: { send() {} },
      member: undefined,
      received: 'no method undefined',
    },
  ])('refuses $what at once and names the fix', async ({ target, member, received }) => {
    const { run, host } = await startContext();
    await run((tasks) => {
      const add = () => tasks.addTask(target as { send(): void }, member as 'send');
      expect(add).toThrow(
        expect.objectContaining({ code: 'UNKNOWN_METHOD', message: expect.stringContaining(received) as string }),
      );
      expect(add).toThrow('Check the spelling');
      expect(add).toThrow(BackgroundTasksError);
    });
    expect(host.stats().accepted).toBe(0);
  });

  it('takes a promise with arguments for the result of a call, not for an object with methods', async () => {
    const { run } = await startContext();
    await run((tasks) => {
      const add = () => tasks.addTask(Promise.resolve() as unknown as { send(): void }, 'ada' as 'send');
      expect(add).toThrow(expect.objectContaining({ code: 'NOT_A_FUNCTION' }));
    });
  });

  it('refuses a method of a target that is nothing', async () => {
    const { run } = await startContext();
    await run((tasks) => {
      expect(() => tasks.addTask(undefined as unknown as { send(): void }, 'send')).toThrow(
        expect.objectContaining({ code: 'NOT_A_FUNCTION' }),
      );
    });
  });

  it('runs what was added before the refusal', async () => {
    const { run, host } = await startContext();
    await run((tasks) => {
      tasks.addTask(() => undefined);
      expect(() => tasks.addTask(0 as unknown as () => void)).toThrow(BackgroundTasksError);
      tasks.addTask(() => undefined);
    });
    expect(host.stats()).toMatchObject({ accepted: 2, succeeded: 2 });
  });

  it('never prints the arguments', async () => {
    const { run } = await startContext();
    await run((tasks) => {
      const send = () =>
        tasks.addTask({ other() {} } as unknown as { send(card: string): void }, 'send', 'canary-4711');
      expect(send).toThrow(
        expect.objectContaining({ code: 'UNKNOWN_METHOD', message: expect.not.stringContaining('canary') as string }),
      );
    });
  });
});
