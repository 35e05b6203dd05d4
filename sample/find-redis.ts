import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface AvailableRedis {
  readonly url: string;
  /** Stops it, if it was started for us. */
  stop(): Promise<void>;
}

/** The Redis of that URL; without one a redis-server of our own, which keeps what it has in that folder for the next time. */
export async function findRedis(url: string | undefined, dataDir: string): Promise<AvailableRedis> {
  if (url) return { url, stop: () => Promise.resolve() };
  const folder = join(dataDir, 'redis');
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const settings = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'yes',
  ];
  // In a group of its own: Ctrl+C is not for it, since the worker needs it to the last.
  const server = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  const closed = new Promise((resolve) => server.once('close', resolve));
  await new Promise<void>((resolve, reject) => {
    createInterface(server.stdout).on('line', (line) => line.includes('Ready to accept connections') && resolve());
    server.once('error', () => reject(new Error(INSTALL)));
    server.once('close', () =>
      reject(new Error(`redis-server ended before it was ready, on port ${port} with ${folder}.`)),
    );
  });
  console.log(`Started redis-server as process ${server.pid}, at redis://127.0.0.1:${port}`);
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      server.kill('SIGTERM');
      await closed;
    },
  };
}

const INSTALL =
  'This sample needs Redis: install redis-server (apt-get install redis-server, brew install redis), or set REDIS_URL.';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
