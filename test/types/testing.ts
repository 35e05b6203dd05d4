import type { INestApplication } from '@nestjs/common';
import { expect } from 'vitest';
import { InProcessBackend } from '../../src/backend/index.js';
import { defineTask } from '../../src/index.js';
import {
  backendContract,
  backgroundTasksMatchers,
  type Matcher,
  RecordingBackgroundTasks,
  settled,
} from '../../src/testing/index.js';

declare const recorded: RecordingBackgroundTasks;
declare const mailer: Mailer;
declare const anyString: Matcher;

const Invoice = defineTask<{ orderId: string; lines: readonly { sku: string; count: number }[] }>({ name: 'invoice' });

export async function correct(app: INestApplication): Promise<readonly unknown[]> {
  recorded.assertAdded(sendMail);
  recorded.assertAdded(sendMail, 'ada@example.org');
  recorded.assertAdded(mailer, 'send');
  recorded.assertAdded(mailer, 'send', 'ada@example.org');
  recorded.enqueue(Invoice, { orderId: 'a', lines: [] });
  recorded.assertEnqueued(Invoice);
  recorded.assertEnqueued(Invoice, { orderId: 'a', lines: [{ sku: 'b', count: 1 }] });
  recorded.assertEnqueued(Invoice, anyString);
  recorded.assertEnqueued(Invoice, { orderId: anyString, lines: [{ sku: anyString, count: 1 }] });
  recorded.with({ runOn: 'always' }).assertEnqueued(Invoice);
  recorded.with({ runOn: 'always' }).with({ timeoutMs: 5 }).assertAdded(sendMail);
  await backendContract({ create: () => ({ backend: new InProcessBackend() }), isShared: false })[0]!.run();
  await settled(app);
  await settled(app, { throwOnFailure: false });
  return recorded.runAll({
    throwOnFailure: false,
    app,
    outcome: { succeeded: false, aborted: false, error: new Error('no') },
  });
}

export function correctMatchers(): void {
  expect.extend(backgroundTasksMatchers);
  expect(recorded).toHaveAdded(sendMail);
  expect(recorded).not.toHaveAdded(sendMail, 'ada@example.org');
  expect(recorded).toHaveAdded(mailer, 'send', 'ada@example.org');
  expect(recorded).toHaveEnqueued(Invoice);
  expect(recorded).not.toHaveEnqueued(Invoice, { orderId: anyString, lines: [] });
  jestExpect(recorded).toHaveAdded(sendMail, 'ada@example.org');
  jestExpect(recorded).toHaveEnqueued(Invoice, { orderId: 'a', lines: [] });
}

export function wrongMatchers(): void {
  // @ts-expect-error -- a number is no address
  expect(recorded).toHaveAdded(sendMail, 1);
  // @ts-expect-error -- misspelt
  expect(recorded).toHaveAdded(mailer, 'sned');
  // @ts-expect-error -- a number is no order
  expect(recorded).not.toHaveEnqueued(Invoice, { orderId: 1, lines: [] });
  // @ts-expect-error -- a number is no address
  jestExpect(recorded).toHaveAdded(sendMail, 1);
}

/** The one of `@types/jest`. */
declare function jestExpect(value: unknown): jest.Matchers<void>;

export async function wrong(app: INestApplication): Promise<void> {
  // @ts-expect-error -- a number is no address
  recorded.assertAdded(sendMail, 1);
  // @ts-expect-error -- there is no third argument
  recorded.assertAdded(sendMail, 'ada@example.org', 1, 2);
  // @ts-expect-error -- misspelt
  recorded.assertAdded(mailer, 'sned');
  // @ts-expect-error -- a number is no address
  recorded.assertAdded(mailer, 'send', 1);
  // @ts-expect-error -- a number is no order
  recorded.enqueue(Invoice, { orderId: 1, lines: [] });
  // @ts-expect-error -- a part of a payload is never found
  recorded.assertEnqueued(Invoice, { orderId: 'a' });
  // @ts-expect-error -- a number is no order
  recorded.assertEnqueued(Invoice, { orderId: 1, lines: [] });
  // @ts-expect-error -- there is no such member
  recorded.assertEnqueued(Invoice, { orderId: 'a', lines: [], total: 1 });
  // @ts-expect-error -- a backend is returned with its close()
  backendContract({ create: () => new InProcessBackend() });
  // @ts-expect-error -- misspelt
  await recorded.with({ runOn: 'always' }).runEverything();
  // @ts-expect-error -- misspelt
  await settled(app, { throwOnFailures: false });
  // @ts-expect-error -- the tasks of which application?
  await settled();
}

function sendMail(_address: string, _times = 1): void {}

class Mailer {
  send(_address: string): void {}
}
