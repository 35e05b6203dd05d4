import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { postgresFolder } from './requirements.js';

export interface RunningPostgres {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a PostgreSQL server with an empty database on a free port. Rejects with what to install if there is none. */
export async function startPostgres(): Promise<RunningPostgres> {
  const bin = await postgresFolder();
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'));
  const owner = unprivileged();
  if (owner) await chown(folder, owner.uid, owner.gid);
  const as = { ...owner, cwd: folder };
  const cluster = join(folder, 'data');
  const port = await freePort();
  await promisify(execFile)(join(bin, 'initdb'), ['-D', cluster, '-U', 'sample', '-A', 'trust', '--no-sync'], as);
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', cluster, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'],
    { ...as, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const closed = once(server, 'close');
  await new Promise<void>((resolve, reject) => {
    createInterface(server.stderr).on('line', (line) => {
      if (line.includes('ready to accept connections')) resolve();
    });
    server.once('close', () => reject(new Error(`postgres ended before it was ready, on port ${port}`)));
  });
  return {
    url: `postgresql://sample@127.0.0.1:${port}/postgres`,
    stop: async () => {
      server.kill('SIGINT');
      await closed;
      await rm(folder, { recursive: true });
    },
  };
}

/** PostgreSQL refuses to run as root; its package brings a user for it. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
