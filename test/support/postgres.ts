import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { accountOf, freePort } from './processes.js';
import { postgresFolder } from './requirements.js';
import type { TestServer } from './test-server.js';

export interface RunningPostgres {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a PostgreSQL server with an empty database on a free port. Rejects with what to install if there is none. */
export async function startPostgres(): Promise<RunningPostgres> {
  const server = await preparePostgres();
  await server.start();
  return { url: server.url, stop: () => server.remove() };
}

/** A PostgreSQL of the test's own, with an empty database, on a port that it keeps when it is started again. */
export async function preparePostgres(): Promise<TestServer> {
  const bin = await postgresFolder();
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'));
  const owner = unprivileged();
  if (owner) await chown(folder, owner.uid, owner.gid);
  const as = { ...owner, cwd: folder };
  const cluster = join(folder, 'data');
  const port = await freePort();
  await promisify(execFile)(join(bin, 'initdb'), ['-D', cluster, '-U', 'sample', '-A', 'trust', '--no-sync'], as);
  const url = `postgresql://sample@127.0.0.1:${port}/postgres`;
  let server: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals) => {
    if (!server) return;
    const closed = once(server, 'close');
    server.kill(signal);
    server = undefined;
    await closed;
  };
  return {
    kind: 'PostgreSQL',
    url,
    options: { postgres: url, migrate: true },
    async start() {
      if (server) return;
      const args = ['-D', cluster, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'];
      const child = spawn(join(bin, 'postgres'), args, { ...as, stdio: ['ignore', 'ignore', 'pipe'] });
      server = child;
      await new Promise<void>((resolve, reject) => {
        createInterface(child.stderr).on('line', (line) => {
          if (line.includes('ready to accept connections')) resolve();
        });
        child.once('close', () => reject(new Error(`postgres ended before it was ready, on port ${port}`)));
      });
    },
    stop: () => end('SIGINT'),
    // It takes its children with it at once and writes nothing; they would outlive a SIGKILL for a moment.
    kill: () => end('SIGQUIT'),
    freeze: () => signalAll(server!, 'SIGSTOP'),
    thaw: () => signalAll(server!, 'SIGCONT'),
    async remove() {
      if (server) signalAll(server, 'SIGCONT');
      await end('SIGINT');
      await rm(folder, { recursive: true });
    },
  };
}

/** The server first, so that it begins no more of the processes that serve its clients. */
function signalAll({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  process.kill(pid!, signal);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  for (const child of children) {
    try {
      process.kill(Number(child), signal);
    } catch (error) {
      // It has ended since the list was read.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** PostgreSQL refuses to run as root; its package brings a user for it. */
function unprivileged(): { uid: number; gid: number } | undefined {
  return process.getuid?.() === 0 ? accountOf('postgres') : undefined;
}
