import type { INestApplication } from '@nestjs/common';
import { RecordingBackgroundTasks, settled } from '../../src/testing/index.js';

declare const recorded: RecordingBackgroundTasks;
declare const mailer: Mailer;

export async function correct(app: INestApplication): Promise<readonly unknown[]> {
  recorded.assertAdded(sendMail);
  recorded.assertAdded(sendMail, 'ada@example.org');
  recorded.assertAdded(mailer, 'send');
  recorded.assertAdded(mailer, 'send', 'ada@example.org');
  await settled(app);
  await settled(app, { throwOnFailure: false });
  return recorded.runAll({ throwOnFailure: false, outcome: { succeeded: false, aborted: false, error: new Error('no') } });
}

export async function wrong(app: INestApplication): Promise<void> {
  // @ts-expect-error -- a number is no address
  recorded.assertAdded(sendMail, 1);
  // @ts-expect-error -- there is no third argument
  recorded.assertAdded(sendMail, 'ada@example.org', 1, 2);
  // @ts-expect-error -- misspelt
  recorded.assertAdded(mailer, 'sned');
  // @ts-expect-error -- a number is no address
  recorded.assertAdded(mailer, 'send', 1);
  // @ts-expect-error -- misspelt
  await settled(app, { throwOnFailures: false });
  // @ts-expect-error -- the tasks of which application?
  await settled();
}

function sendMail(_address: string, _times = 1): void {}

class Mailer {
  send(_address: string): void {}
}
