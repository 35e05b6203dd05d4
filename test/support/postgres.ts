import { execFile, execFileSync } from 'node:child_process';
import { chown, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { postgresFolder } from './requirements.js';
import { TestServer } from './test-server.js';

/** A PostgreSQL of the test's own, with an empty database, on a port that it keeps when it is started again. */
export async function preparePostgres(): Promise<TestServer> {
  const bin = await postgresFolder();
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'));
  // PostgreSQL refuses to run as root; its package brings a user for it.
  const account = process.getuid?.() === 0 ? accountOf('postgres') : undefined;
  if (account) await chown(folder, account.uid, account.gid);
  const cluster = join(folder, 'data');
  const port = String(await freePort());
  const options = ['-D', cluster, '-U', 'sample', '-A', 'trust', '--no-sync'];
  await promisify(execFile)(join(bin, 'initdb'), options, { ...account, cwd: folder });
  const url = `postgresql://sample@127.0.0.1:${port}/postgres`;
  const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'];
  return new TestServer({
    kind: 'PostgreSQL',
    url,
    options: { postgres: url, migrate: true },
    command: [join(bin, 'postgres'), '-D', cluster, '-p', port, '-k', folder, ...settings],
    folder,
    account,
    stopSignal: 'SIGINT',
    // It takes its children with it at once and writes nothing; they would outlive a SIGKILL for a moment.
    killSignal: 'SIGQUIT',
  });
}

/** The user and group of an account that a Debian package brings. */
function accountOf(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
