import { describe, expect, it } from 'vitest';
import { defineTask } from '../../src/index.js';
import { backgroundTasksMatchers, RecordingBackgroundTasks } from '../../src/testing/index.js';

expect.extend(backgroundTasksMatchers);

const SendInvoice = defineTask<{ orderId: string; copies?: number }>({ name: 'send-invoice' });

function send(_to: string, _subject?: string): void {}

class Mailer {
  deliver(_to: string): void {}
}

function record() {
  const recorded = new RecordingBackgroundTasks();
  const mailer = new Mailer();
  recorded.addTask(send, 'ada', 'hello');
  recorded.addTask(mailer, 'deliver', 'bob');
  recorded.enqueue(SendInvoice, { orderId: 'A-1' });
  return { recorded, mailer };
}

describe('expect(recorded).toHaveAdded()', () => {
  it('passes for a function or method that was added, with all, some or none of its arguments', () => {
    const { recorded, mailer } = record();

    expect(recorded).toHaveAdded(send);
    expect(recorded).toHaveAdded(send, 'ada', expect.any(String) as string);
    expect(recorded).toHaveAdded(mailer, 'deliver', 'bob');
    expect(recorded).not.toHaveAdded(send, 'bob');
    expect(recorded).not.toHaveAdded(new Mailer(), 'deliver');
  });

  it('lists what was recorded when it fails', () => {
    const { recorded } = record();

    expect(() => expect(recorded).toHaveAdded(send, 'cyd')).toThrow(
      "Expected background task send('cyd'), but these were added: send('ada', 'hello'), Mailer.deliver('bob')",
    );
    expect(() => expect(recorded).not.toHaveAdded(send, 'ada')).toThrow(
      "Expected that task not to be added, but these were: send('ada', 'hello'), Mailer.deliver('bob').",
    );
  });

  it('asks for the options that with() names', () => {
    const recorded = new RecordingBackgroundTasks();
    recorded.with({ runOn: 'always' }).addTask(send, 'ada');

    expect(recorded.with({ runOn: 'always' })).toHaveAdded(send);
    expect(recorded.with({ runOn: 'failure' })).not.toHaveAdded(send);
  });

  it('refuses what is no function, and what is no recording', () => {
    const { recorded } = record();

    expect(() => expect(recorded).toHaveAdded('send' as never)).toThrow(
      expect.objectContaining({ code: 'NOT_A_FUNCTION' }),
    );
    expect(() => expect({}).not.toHaveAdded(send)).toThrow(/"expect\(\)".*toHaveAdded\(\) is for a Recording/);
  });
});

describe('expect(recorded).toHaveEnqueued()', () => {
  it('passes for a definition, and for its whole payload where one is named', () => {
    const { recorded } = record();

    expect(recorded).toHaveEnqueued(SendInvoice);
    expect(recorded).toHaveEnqueued(SendInvoice, { orderId: 'A-1' });
    expect(recorded).not.toHaveEnqueued(SendInvoice, { orderId: 'A-1', copies: 2 });
    expect(recorded).not.toHaveEnqueued(defineTask({ name: 'send-invoice' }));
  });

  it('lists what was recorded when it fails', () => {
    const { recorded } = record();

    expect(() => expect(recorded).toHaveEnqueued(SendInvoice, { orderId: 'B-2' })).toThrow(
      "send-invoice({ orderId: 'B-2' }), but these were added: send-invoice({ orderId: 'A-1' })",
    );
    expect(() => expect(recorded).not.toHaveEnqueued(SendInvoice)).toThrow(
      "Expected that task not to be enqueued, but these were: send-invoice({ orderId: 'A-1' }).",
    );
  });
});
