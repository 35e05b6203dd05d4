import { spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';

/** A server that a sample works with. */
export interface AvailableServer {
  readonly url: string;
  /** Stops it, if it was started for us. */
  stop(): Promise<void>;
}

interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** Where it can be reached. */
  readonly url: string;
  /** What it prints when it can be reached. */
  readonly ready: string;
  readonly stopSignal: NodeJS.Signals;
  /** What to do where there is no such program. */
  readonly install: string;
  /** Whose process it is, and where. */
  readonly options?: Pick<SpawnOptions, 'uid' | 'gid' | 'cwd'>;
}

/** Starts a server, and resolves when it can be reached. */
export async function startServer(command: ServerCommand): Promise<AvailableServer> {
  const { program, args, url, ready, stopSignal, install, options } = command;
  // In a group of its own: Ctrl+C is not for it, since the sample needs it to the last.
  const server = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const closed = new Promise((resolve) => server.once('close', resolve));
  const name = basename(program);
  await new Promise<void>((resolve, reject) => {
    for (const stream of [server.stdout, server.stderr]) {
      createInterface(stream).on('line', (line) => line.includes(ready) && resolve());
    }
    server.once('error', () => reject(new Error(install)));
    server.once('close', () => reject(new Error(`${name} ended before it was ready: ${[name, ...args].join(' ')}`)));
  });
  console.log(`Started ${name} as process ${server.pid}, at ${url}`);
  return {
    url,
    async stop() {
      server.kill(stopSignal);
      await closed;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
