import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './processes.js';
import { redisPath } from './requirements.js';
import type { TestServer } from './test-server.js';

/** A Redis of the test's own, with an append-only file, on a port that it keeps when it is started again. */
export async function prepareRedis(...settings: string[]): Promise<TestServer> {
  const program = await redisPath();
  const folder = await mkdtemp(join(tmpdir(), 'redis-'));
  const port = await freePort();
  const base = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'];
  let server: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals) => {
    if (!server) return;
    const closed = once(server, 'close');
    server.kill(signal);
    server = undefined;
    await closed;
  };
  return {
    kind: 'Redis',
    url: `redis://127.0.0.1:${port}`,
    options: { connection: `redis://127.0.0.1:${port}` },
    async start() {
      if (server) return;
      const child = spawn(program, [...base, ...settings], { stdio: ['ignore', 'pipe', 'ignore'] });
      server = child;
      await new Promise<void>((resolve, reject) => {
        createInterface(child.stdout).on('line', (line) => {
          if (line.includes('Ready to accept connections')) resolve();
        });
        child.once('close', () => reject(new Error(`redis-server ended before it was ready, on port ${port}`)));
      });
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void server!.kill('SIGSTOP'),
    thaw: () => void server!.kill('SIGCONT'),
    async remove() {
      server?.kill('SIGCONT');
      await end('SIGKILL');
      await rm(folder, { recursive: true });
    },
  };
}
