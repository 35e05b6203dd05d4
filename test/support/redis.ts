import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { redisPath } from './requirements.js';
import { TestServer } from './test-server.js';

/** A Redis of the test's own, with an append-only file, on a port that it keeps when it is started again. */
export async function prepareRedis(...settings: string[]): Promise<TestServer> {
  const program = await redisPath();
  const folder = await mkdtemp(join(tmpdir(), 'redis-'));
  const port = String(await freePort());
  const url = `redis://127.0.0.1:${port}`;
  return new TestServer({
    kind: 'Redis',
    url,
    options: { connection: url },
    command: [
      program,
      '--port',
      port,
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'yes',
      ...settings,
    ],
    folder,
    stopSignal: 'SIGTERM',
    killSignal: 'SIGKILL',
  });
}
