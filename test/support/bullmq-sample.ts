import { Queue } from 'bullmq';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';
import { until } from './durable.js';

// Three processes have to start, and the machine may be busy with others.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const fileOf = (program: string) => fileURLToPath(new URL(`../../sample/dist/06-bullmq/${program}.js`, import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A program of the BullMQ sample, with the processes that it starts. */
export class BullMqSample {
  readonly exit: Promise<Exit>;
  readonly #readers = new Set<() => void>();
  #log = '';

  constructor(
    private readonly child: ChildProcess,
    readonly folder: string,
  ) {
    const closed = once(child, 'close') as Promise<[Exit['code'], Exit['signal']]>;
    this.exit = closed.then(([code, signal]) => ({ code, signal }));
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.#log += chunk.toString();
        for (const read of this.#readers) read();
      });
    }
  }

  /** All that any of its processes has printed. */
  get log(): string {
    return this.#log;
  }

  get url(): string {
    return /curl (http:\S+)\/health/.exec(this.#log)![1]!;
  }

  /** The process of what begins its lines with that word. */
  processOf(name: 'web' | 'worker'): number {
    return Number(new RegExp(`^\\[${name}\\] (\\d+) `, 'm').exec(this.#log)![1]);
  }

  /** Resolves with what matches, once it has been printed. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const found = new Promise<RegExpExecArray>((resolve) => {
      const read = () => {
        const match = pattern.exec(this.#log);
        if (!match) return;
        this.#readers.delete(read);
        resolve(match);
      };
      this.#readers.add(read);
      read();
    });
    const ended = this.exit.then(() => {
      throw new Error(`The sample ended. Run "npm run build:sample" first.\n${this.#log}`);
    });
    return Promise.race([found, ended]);
  }

  /** Orders an export, as the curl line does. */
  async order(year: number, idempotencyKey?: string): Promise<Response> {
    return fetch(`${this.url}/exports`, {
      method: 'POST',
      body: JSON.stringify({ year }),
      headers: { 'content-type': 'application/json', ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }) },
    });
  }

  /** The status of the answer to a GET, with a user and a password if there are any. */
  async statusOf(path: string, credentials?: string): Promise<number> {
    const headers = credentials === undefined ? {} : { authorization: `Basic ${btoa(credentials)}` };
    return (await fetch(`${this.url}${path}`, { headers })).status;
  }

  /** Sends SIGTERM to the program that was started, and resolves with how it ended. */
  async stop(): Promise<Exit> {
    this.child.kill('SIGTERM');
    return this.exit;
  }

  /** Does what a terminal does at Ctrl+C: the whole group gets a SIGINT. */
  async interrupt(): Promise<Exit> {
    process.kill(-this.child.pid!, 'SIGINT');
    return this.exit;
  }

  /** Ends what is left of it, frozen or not. */
  async remove(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      process.kill(-this.child.pid!, 'SIGKILL');
      const redis = /redis-server as process (\d+)/.exec(this.#log)?.[1];
      if (redis !== undefined && isAlive(Number(redis))) process.kill(Number(redis), 'SIGKILL');
      await this.exit;
    }
    await rm(this.folder, { recursive: true });
  }
}

/** Starts a built program of the sample, on a free port; it is ended with the test. */
export async function startBullMqProgram(program: 'start' | 'main', settings: Record<string, string>): Promise<BullMqSample> {
  const folder = await mkdtemp(join(tmpdir(), 'bullmq-'));
  const env = { PATH: process.env['PATH'], NO_COLOR: '1', PORT: '0', DATA_DIR: folder, ...settings };
  const child = spawn(process.execPath, [fileOf(program)], { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const sample = new BullMqSample(child, folder);
  onTestFinished(() => sample.remove());
  return sample;
}

/** Starts the sample as its command does, and waits until both processes are there and the queue takes tasks. */
export async function startBullMqSample(settings: Record<string, string> = {}): Promise<BullMqSample> {
  const sample = await startBullMqProgram('start', settings);
  await Promise.all([sample.printed(/Ctrl\+C/), sample.printed(/waits for tasks/)]);
  // As an orchestrator does before it sends anybody there.
  await until(async () => (await sample.statusOf('/health')) === 200);
  return sample;
}

/** The jobs of the sample's queue, whatever state they are in. */
export async function sampleJobs(redisUrl: string) {
  const queue = new Queue('sample-exports', { connection: { url: redisUrl } });
  try {
    return await queue.getJobs();
  } finally {
    await queue.close();
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
