import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type AvailableServer, freePort, startServer } from './server-process.js';

/** The Redis of that URL; without one a redis-server of our own, which keeps what it has in that folder for the next time. */
export async function findRedis(url: string | undefined, dataDir: string): Promise<AvailableServer> {
  if (url) return { url, stop: () => Promise.resolve() };
  const folder = join(dataDir, 'redis');
  await mkdir(folder, { recursive: true });
  const port = String(await freePort());
  const address = ['--port', port, '--bind', '127.0.0.1'];
  return startServer({
    program: 'redis-server',
    args: [...address, '--dir', folder, '--save', '', '--appendonly', 'yes'],
    url: `redis://127.0.0.1:${port}`,
    ready: 'Ready to accept connections',
    stopSignal: 'SIGTERM',
    install: INSTALL,
  });
}

const INSTALL =
  'This sample needs Redis: install redis-server (apt-get install redis-server, brew install redis), or set REDIS_URL.';
