import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { requireFreePort } from '../port.js';
import { type AvailableRedis, findRedis } from './find-redis.js';
import { Settings } from './settings.js';

// What an orchestrator does elsewhere: it starts a web process and a worker, and stops both.

const stopping = new AbortController();
// Not once: at Ctrl+C the terminal tells the others, too, and this one has to outlive them.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());

try {
  const { port, host, dataDir } = new Settings(process.env);
  await requireFreePort(port, host);
  await runBoth(await findRedis(process.env['REDIS_URL'], dataDir));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

async function runBoth(redis: AvailableRedis): Promise<void> {
  const env = { ...process.env, REDIS_URL: redis.url, BOARD_PASSWORD: process.env['BOARD_PASSWORD'] ?? newPassword() };
  const children = ['main.js', 'worker.js'].map((file) =>
    spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url))], { env, stdio: 'inherit' }),
  );
  const ends = children.map((child) => once(child, 'close'));
  const stopBoth = () => children.forEach((child) => child.kill('SIGTERM'));
  if (stopping.signal.aborted) stopBoth();
  else stopping.signal.addEventListener('abort', stopBoth);
  await Promise.race(ends);
  if (!stopping.signal.aborted) console.error('One of the two processes has ended, so the other is stopped.');
  stopBoth();
  await Promise.all(ends);
  await redis.stop();
  process.exitCode = stopping.signal.aborted ? 0 : 1;
}

function newPassword(): string {
  const password = randomBytes(12).toString('base64url');
  console.log(`The board's password is ${password} until this ends; set BOARD_PASSWORD for one of your own.`);
  return password;
}
