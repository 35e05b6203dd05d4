import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** What tells one kind of server from another. */
interface TestServerKind {
  readonly kind: 'Redis' | 'PostgreSQL' | 'NATS';
  readonly url: string;
  /** What names it in the options of the module. */
  readonly options: { readonly connection: string } | { readonly postgres: string; readonly migrate: true };
  readonly command: readonly [program: string, ...args: string[]];
  /** Where it keeps what it has. */
  readonly folder: string;
  /** Whom it runs as, if not as whoever runs the tests. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  readonly stopSignal: NodeJS.Signals;
  readonly killSignal: NodeJS.Signals;
}

/** A server that a test starts, and does to it what happens to servers. */
export class TestServer {
  readonly kind: TestServerKind['kind'];
  readonly url: string;
  readonly options: TestServerKind['options'];
  #process: ChildProcess | undefined;

  constructor(private readonly what: TestServerKind) {
    ({ kind: this.kind, url: this.url, options: this.options } = what);
  }

  /** Starts it unless it runs, or starts it again: where it was, and with what it had. */
  async start(): Promise<void> {
    if (this.#process) return;
    const { command, folder: cwd, account, kind, url } = this.what;
    const [program, ...args] = command;
    const server = spawn(program, args, { ...account, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = server;
    await new Promise<void>((resolve, reject) => {
      for (const stream of [server.stdout, server.stderr]) {
        createInterface(stream).on('line', (line) => {
          if (/ready to accept connections|server is ready/i.test(line)) resolve();
        });
      }
      server.once('close', () => reject(new Error(`${kind} ended before it was ready, at ${url}`)));
    });
  }

  stop(): Promise<void> {
    return this.#end(this.what.stopSignal);
  }

  kill(): Promise<void> {
    return this.#end(this.what.killSignal);
  }

  freeze(): void {
    // A list of children may lack some while others end, and a busy machine lets them work on for a moment.
    do signalAll(this.#process!, 'SIGSTOP');
    while (!processesOf(this.#process!).every(hasStopped));
  }

  thaw(): void {
    signalAll(this.#process!, 'SIGCONT');
  }

  /** Ends it, in whatever state it is, and leaves nothing behind. */
  async remove(): Promise<void> {
    if (this.#process) this.thaw();
    await this.kill();
    await rm(this.what.folder, { recursive: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.#process) return;
    const closed = once(this.#process, 'close');
    this.#process.kill(signal);
    this.#process = undefined;
    await closed;
  }
}

/** The server first, so that it begins no more of the processes that serve its clients. */
function processesOf({ pid }: ChildProcess): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return [pid!, ...children.map(Number)];
}

function signalAll(server: ChildProcess, signal: NodeJS.Signals): void {
  process.kill(server.pid!, signal);
  for (const pid of processesOf(server)) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // It has ended since the list was read.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Whether it does nothing more: stopped, or ended. */
function hasStopped(pid: number): boolean {
  try {
    return /\) [TZ]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}
