import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { findRedis } from './find-redis.js';
import { requireFreePort } from './port.js';

/** The part of a sample's settings that its two processes need to begin. */
interface StartSettings {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
}

/**
 * Starts `main.js` and `worker.js` of a folder, and stops both: what an orchestrator does elsewhere. `variables` adds to
 * their environment.
 */
export async function runWebAndWorker(
  folder: string,
  readSettings: () => StartSettings,
  variables: () => Record<string, string> = () => ({}),
): Promise<void> {
  const stopping = new AbortController();
  // Not once: at Ctrl+C the terminal tells the others, too, and this one has to outlive them.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  try {
    const { port, host, dataDir } = readSettings();
    await requireFreePort(port, host);
    const redis = await findRedis(process.env['REDIS_URL'], dataDir);
    await runBoth(folder, { ...process.env, REDIS_URL: redis.url, ...variables() }, stopping.signal);
    await redis.stop();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}

async function runBoth(folder: string, env: NodeJS.ProcessEnv, stopping: AbortSignal): Promise<void> {
  const children = ['main.js', 'worker.js'].map((file) =>
    spawn(process.execPath, [fileURLToPath(new URL(file, folder))], { env, stdio: 'inherit' }),
  );
  const ends = children.map((child) => once(child, 'close'));
  const stopBoth = () => children.forEach((child) => child.kill('SIGTERM'));
  if (stopping.aborted) stopBoth();
  else stopping.addEventListener('abort', stopBoth);
  await Promise.race(ends);
  if (!stopping.aborted) console.error('One of the two processes has ended, so the other is stopped.');
  stopBoth();
  await Promise.all(ends);
  process.exitCode = stopping.aborted ? 0 : 1;
}
