import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { natsPath } from './requirements.js';
import { TestServer } from './test-server.js';

/** A NATS server of the test's own. */
export async function prepareNats(): Promise<TestServer> {
  const program = await natsPath();
  const port = String(await freePort());
  const url = `nats://127.0.0.1:${port}`;
  return new TestServer({
    kind: 'NATS',
    url,
    options: { connection: url },
    command: [program, '--addr', '127.0.0.1', '--port', port],
    folder: await mkdtemp(join(tmpdir(), 'nats-')),
    stopSignal: 'SIGTERM',
    killSignal: 'SIGKILL',
  });
}
