import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** A program from outside npm that a test cannot do without. */
interface Requirement {
  readonly name: string;
  /** The Debian package it comes in. */
  readonly aptPackage: string;
  /** Looks for it; `undefined` if it is not there. */
  readonly find: () => string | undefined;
}

/** The path of Chromium. Rejects with what to install. */
export const chromiumPath = (): Promise<string> =>
  provided({ name: 'Chromium', aptPackage: 'chromium', find: () => onPath('chromium') });

/** The path of the Redis server. Rejects with what to install. */
export const redisPath = (): Promise<string> =>
  provided({ name: 'Redis', aptPackage: 'redis-server', find: () => onPath('redis-server') });

/** The path of the NATS server. Rejects with what to install. */
export const natsPath = (): Promise<string> =>
  provided({ name: 'NATS', aptPackage: 'nats-server', find: () => onPath('nats-server') });

/** The folder with `initdb` and `postgres`. Rejects with what to install. */
export const postgresFolder = (): Promise<string> =>
  provided({
    name: 'PostgreSQL',
    aptPackage: 'postgresql-15',
    find: () => {
      const root = '/usr/lib/postgresql';
      const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
      return versions.map((version) => join(root, version, 'bin')).find((folder) => existsSync(join(folder, 'initdb')));
    },
  });

/** Long enough to install a requirement; give it to the hook that asks for one. */
export const INSTALL_TIMEOUT_MS = 300_000;

async function provided({ name, aptPackage, find }: Requirement): Promise<string> {
  const present = find();
  if (present) return present;
  const reason = await install(aptPackage);
  const installed = find();
  if (installed) return installed;
  throw new Error(
    `This test needs ${name}, and installing it failed (${reason}): run "apt-get install ${aptPackage}" as root.`,
  );
}

/** Returns why it did not work; several test files may ask at once, and apt takes one at a time. */
async function install(aptPackage: string): Promise<string> {
  const command = `apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${aptPackage}`;
  try {
    await promisify(execFile)('flock', ['/tmp/apt-get.lock', 'sh', '-c', command], { maxBuffer: 64 * 1024 * 1024 });
    return 'it was installed but is not where it should be';
  } catch (error) {
    // It ends with what apt-get said last.
    return (error as Error).message.trim().split('\n').at(-1)!;
  }
}

function onPath(program: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}
