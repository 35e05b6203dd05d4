import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { onTestFinished } from 'vitest';
import { deferred } from './deferred.js';

/** A mail server that greets its client when the test says so. */
export async function startHeldInbox() {
  const greet = deferred();
  const received = deferred<string>();
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onConnect: (_session, done) => {
      greet.promise.then(() => done(), done);
    },
    onData: (stream, _session, done) => {
      text(stream).then((mail) => {
        received.resolve(mail);
        done();
      }, done);
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  onTestFinished(() => new Promise<void>((resolve) => server.close(resolve)));
  const { port } = server.server.address() as AddressInfo;
  return { url: `smtp://127.0.0.1:${port}`, greet: () => greet.resolve(), received: received.promise };
}
