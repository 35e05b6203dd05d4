import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { type AvailableServer, freePort, startServer } from './server-process.js';

/** The database of that URL; without one a PostgreSQL of our own, which is removed with all that it has. */
export async function findPostgres(url: string | undefined, folders = usualFolders()): Promise<AvailableServer> {
  if (url) return { url, stop: () => Promise.resolve() };
  const bin = folders.find((folder) => existsSync(join(folder, 'initdb')));
  if (bin === undefined) throw new Error(INSTALL);
  const folder = await mkdtemp(join(tmpdir(), 'sample-postgres-'));
  const remove = () => rm(folder, { recursive: true });
  try {
    const server = await startIn(folder, bin);
    return { url: server.url, stop: () => server.stop().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function startIn(folder: string, bin: string): Promise<AvailableServer> {
  // PostgreSQL refuses to run as root; its package brings a user for it.
  const account = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : undefined;
  if (account) await chown(folder, account.uid, account.gid);
  const options = { ...account, cwd: folder };
  const cluster = ['-D', join(folder, 'data')];
  await promisify(execFile)(
    join(bin, 'initdb'),
    [...cluster, '-U', 'sample', '-A', 'trust', '--no-locale', '-E', 'UTF8'],
    options,
  );
  const port = String(await freePort());
  const address = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
  return startServer({
    program: join(bin, 'postgres'),
    args: [...cluster, '-p', port, ...address],
    url: `postgresql://sample@127.0.0.1:${port}/postgres`,
    ready: 'ready to accept connections',
    stopSignal: 'SIGINT',
    install: INSTALL,
    options,
  });
}

/** The folders of the `PATH`, and those in which Debian keeps its versions, the newest first. */
function usualFolders(): readonly string[] {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const path = (process.env['PATH'] ?? '').split(delimiter);
  return [...path, ...versions.map((version) => join(root, version, 'bin'))];
}

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}

const INSTALL =
  'This sample needs PostgreSQL: install it (apt-get install postgresql, brew install postgresql), or set DATABASE_URL.';
