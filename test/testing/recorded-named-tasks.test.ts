import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, it } from 'vitest';
import { defineTask } from '../../src/index.js';
import { RecordingBackgroundTasks } from '../../src/testing/index.js';

const SendInvoice = defineTask<{ orderId: string; copies?: number }>({ name: 'send-invoice' });
const Reindex = defineTask<{ shard: number }>({ name: 'reindex', dedupe: 'keep-last', runOn: 'always' });

const order = { orderId: 'A-1' };

describe('RecordingBackgroundTasks keeps named tasks', () => {
  it('with definition, payload, both kinds of options and handle, in order', () => {
    const tasks = new RecordingBackgroundTasks();

    const first = tasks.enqueue(SendInvoice, order);
    const second = tasks
      .with({ runOn: 'always' })
      .with({ timeoutMs: 5 })
      .enqueue(SendInvoice, { orderId: 'B-2' }, { idempotencyKey: 'B-2' });

    expect(tasks.enqueued).toEqual([
      { definition: SendInvoice, payload: order, options: {}, settings: {}, task: first },
      {
        definition: SendInvoice,
        payload: { orderId: 'B-2' },
        options: { runOn: 'always', timeoutMs: 5 },
        idempotencyKey: 'B-2',
        settings: {},
        task: second,
      },
    ]);
    expect(first).toMatchObject({ name: 'send-invoice', state: 'waiting' });
  });

  it('in one order with the others, of which runAll() runs those alone', async () => {
    const tasks = new RecordingBackgroundTasks();
    const handles = [tasks.addTask(noop), tasks.enqueue(SendInvoice, order), tasks.addTask(noop)];

    expect(tasks.pending).toEqual(handles);
    expect(await tasks.runAll()).toHaveLength(2);
    expect(handles.map(({ state }) => state)).toEqual(['succeeded', 'enqueued', 'succeeded']);
    expect(tasks.enqueued.map(({ task }) => task)).toEqual([handles[1]]);
  });

  it('that were given a transaction, which is not touched', async () => {
    const tasks = new RecordingBackgroundTasks();
    const never = { query: () => Promise.reject(new Error('touched')) };

    const task = await tasks.enqueueWithin(never, SendInvoice, order, { idempotencyKey: 'A-1' });

    expect(task.state).toBe('enqueued');
    tasks.assertEnqueued(SendInvoice, order);
    expect(tasks.enqueued).toMatchObject([{ definition: SendInvoice, payload: order, idempotencyKey: 'A-1' }]);
  });

  it('until they are cancelled or cleared', async () => {
    const tasks = new RecordingBackgroundTasks();
    const handles = [
      tasks.enqueue(SendInvoice, order),
      tasks.enqueue(Reindex, { shard: 1 }),
      tasks.enqueue(SendInvoice, order),
    ];

    expect(handles[0]!.cancel()).toBe(true);
    expect(tasks.with({}).cancel('reindex')).toBe(true);
    tasks.clear();

    const ends = await Promise.all(handles.map(({ settled }) => settled));
    expect(ends.map(({ state }) => state)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect(tasks.enqueued).toEqual([]);
  });

  it('once for one idempotency key, while the task waits', () => {
    const tasks = new RecordingBackgroundTasks();
    const enqueue = () => tasks.with({ runOn: 'always' }).enqueue(SendInvoice, order, { idempotencyKey: 'A-1' });

    const first = enqueue();
    const again = enqueue();
    const ofAnotherDefinition = tasks.enqueue(Reindex, { shard: 1 }, { idempotencyKey: 'A-1' });
    const ofAnotherKey = tasks.enqueue(SendInvoice, order, { idempotencyKey: 'A-2' });

    expect(again).toBe(first);
    expect(tasks.enqueued.map(({ task }) => task)).toEqual([first, ofAnotherDefinition, ofAnotherKey]);
    first.cancel();
    expect(enqueue()).not.toBe(first);
  });

  it('and knows a task that dedupe kept by the key that was given for it later', () => {
    const tasks = new RecordingBackgroundTasks();
    const first = tasks.enqueue(SendInvoice, order);

    tasks.with({ dedupe: 'keep-first' }).enqueue(SendInvoice, order, { idempotencyKey: 'A-1' });

    expect(tasks.enqueue(SendInvoice, order, { idempotencyKey: 'A-1' })).toBe(first);
  });

  it('the first or the last of a name, as with() or the definition says', async () => {
    const tasks = new RecordingBackgroundTasks();

    const replaced = tasks.enqueue(Reindex, { shard: 1 });
    const last = tasks.enqueue(Reindex, { shard: 2 });
    const kept = tasks.with({ dedupe: 'keep-first' }).enqueue(Reindex, { shard: 3 });

    expect((await replaced.settled).state).toBe('discarded');
    expect(kept).toBe(last);
    expect(tasks.enqueued.map(({ payload }) => payload)).toEqual([{ shard: 2 }]);
  });

  it('the last of a name although the first was no named one', () => {
    const tasks = new RecordingBackgroundTasks();

    const replaced = tasks.with({ name: 'reindex' }).addTask(noop);
    tasks.enqueue(Reindex, { shard: 1 });

    expect(replaced.state).toBe('discarded');
    expect(tasks.added).toEqual([]);
  });

  it('and refuses what the real one refuses', () => {
    const tasks = new RecordingBackgroundTasks();
    const enqueue = (payload: unknown) => tasks.enqueue(SendInvoice, payload as typeof order);
    const refused = expect.objectContaining({ code: 'INVALID_PAYLOAD' }) as Error;

    expect(() => enqueue({ orderId: new Date() })).toThrow(refused);
    expect(() => enqueue({ orderId: 'x'.repeat(100_000) })).toThrow(/maxPayloadBytes is 65536/);
    expect(() => tasks.enqueue(Checked, 'no')).toThrow(refused);
    expect(() => tasks.enqueue(SendInvoice, order, { idempotencyKey: '' })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
    expect(tasks.pending).toEqual([]);
  });
});

describe('RecordingBackgroundTasks asserts what was enqueued', () => {
  it('by its definition, and by its whole payload where one is named', () => {
    const tasks = new RecordingBackgroundTasks();
    tasks.enqueue(SendInvoice, { orderId: 'A-1', copies: 2 });

    expect(() => tasks.assertEnqueued(SendInvoice)).not.toThrow();
    expect(() => tasks.assertEnqueued(SendInvoice, { orderId: 'A-1', copies: 2 })).not.toThrow();
    expect(() => tasks.assertEnqueued(SendInvoice, order)).toThrow(
      /task send-invoice\({ orderId: 'A-1' }\), but these were added: send-invoice\({ orderId: 'A-1', copies: 2 }\)/,
    );
    expect(() => tasks.assertEnqueued(Reindex)).toThrow(expect.objectContaining({ code: 'TASK_NOT_RECORDED' }));
  });

  it('honours matchers, for the payload and inside it', () => {
    const tasks = new RecordingBackgroundTasks();
    tasks.enqueue(SendInvoice, { orderId: 'A-1', copies: 2 });
    const assert = (payload: object) => tasks.assertEnqueued(SendInvoice, payload as typeof order);

    expect(() => assert({ orderId: 'A-1', copies: expect.any(Number) as unknown })).not.toThrow();
    expect(() => assert(expect.objectContaining(order) as object)).not.toThrow();
    expect(() => assert({ orderId: 'A-1', copies: expect.any(String) as unknown })).toThrow(
      /send-invoice\(\{ orderId: 'A-1', copies: Any<String> \}\)/,
    );
  });

  it('with the options that with() names, whoever has given them', () => {
    const tasks = new RecordingBackgroundTasks();
    tasks.with({ timeoutMs: 5 }).enqueue(Reindex, { shard: 1 });

    expect(() =>
      tasks.with({ timeoutMs: 5 }).with({ runOn: 'always' }).assertEnqueued(Reindex, { shard: 1 }),
    ).not.toThrow();
    expect(() => tasks.with({ runOn: 'failure' }).assertEnqueued(Reindex)).toThrow(
      /task reindex with { runOn: 'failure' }, but these were added: reindex\({ shard: 1 }\) with { .*timeoutMs: 5/,
    );
  });
});

const neverValid: StandardSchemaV1<string> = {
  '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no' }] }) },
};
const Checked = defineTask({ name: 'checked', schema: neverValid });

function noop() {}
