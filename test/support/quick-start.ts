import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, onTestFinished, vi } from 'vitest';

// Starting a process takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const main = fileURLToPath(new URL('../../sample/dist/01-quick-start/main.js', import.meta.url));

export const samplePlatforms = ['express', 'fastify'] as const;

/** A request as one of the printed curl lines describes it. */
export interface CurlLine {
  readonly path: string;
  readonly url: string;
  readonly init: RequestInit & { readonly headers: Record<string, string> };
}

export interface TimelineEvent {
  readonly stage: 'request' | 'handler' | 'response' | 'task' | 'disposal';
  readonly atMs: number;
  readonly text: string;
}

/** What a request led to. */
export interface Answered {
  readonly status: number;
  readonly body: { readonly message?: unknown };
  /** Resolves once the request is closed, with everything that happened in it. */
  timeline(): Promise<TimelineEvent[]>;
}

/** The sample, running in a process of its own as a user would start it. */
export class QuickStart {
  readonly url: string;
  readonly curlLines: readonly CurlLine[];

  constructor(
    private readonly child: ChildProcess,
    private readonly output: { text: string },
    readonly dataDir: string,
  ) {
    this.url = /Open (http:\S+) /.exec(output.text)![1]!;
    this.curlLines = output.text.match(/^ +curl .*$/gm)!.map(parseCurl);
  }

  /** All that it has printed. Complete once {@link stop} has resolved. */
  get log(): string {
    return this.output.text;
  }

  async post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answered> {
    const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    return this.send({
      path,
      url: `${this.url}${path}`,
      init: { method: 'POST', ...json, headers: { ...json.headers, ...headers } },
    });
  }

  async send({ url, init }: CurlLine): Promise<Answered> {
    const response = await fetch(url, init);
    const body = (await response.json()) as Answered['body'];
    const id = response.headers.get('x-request-id');
    return { status: response.status, body, timeline: () => this.#timeline(id!) };
  }

  /** Sends SIGTERM, and resolves with how the process ended once it has. */
  async stop(): Promise<{ code: number | null; signal: string | null }> {
    const { exitCode, signalCode } = this.child;
    if (exitCode !== null || signalCode !== null) return { code: exitCode, signal: signalCode };
    const closed = once(this.child, 'close');
    this.child.kill('SIGTERM');
    const [code, signal] = (await closed) as [number | null, string | null];
    return { code, signal };
  }

  async #timeline(id: string): Promise<TimelineEvent[]> {
    const response = await fetch(`${this.url}/timeline/${id}`);
    const stream = await response.text();
    return [...stream.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as TimelineEvent);
  }
}

/** One sample for all tests of a `describe`, which must leave it as usable as they found it. */
export function sharedQuickStart(settings: Record<string, string>): () => QuickStart {
  let sample: QuickStart;
  beforeAll(async () => {
    let end!: () => Promise<void>;
    sample = await startQuickStart(settings, (callback) => (end = callback));
    return end;
  });
  return () => sample;
}

/** Starts the built sample on a free port; it is stopped when the test ends. */
export async function startQuickStart(
  settings: Record<string, string> = {},
  onEnd: (callback: () => Promise<void>) => void = onTestFinished,
): Promise<QuickStart> {
  const dataDir = await mkdtemp(join(tmpdir(), 'quick-start-'));
  const env = { PATH: process.env['PATH'], NO_COLOR: '1', PORT: '0', DATA_DIR: dataDir, ...settings };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { text: '' };
  onEnd(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    }
    await rm(dataDir, { recursive: true });
  });
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output.text += chunk.toString();
      if (output.text.includes('Ctrl+C')) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('close', () => reject(new Error(`The sample did not start. Run "npm run build:sample" first.\n${output.text}`)));
  });
  return new QuickStart(child, output, dataDir);
}

function parseCurl(line: string): CurlLine {
  const [, method, url] = /curl -X (\S+) (\S+)/.exec(line)!;
  const headers = Object.fromEntries([...line.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name, value]) => [name!, value!]));
  const body = /-d '([^']+)'/.exec(line)?.[1];
  return { path: new URL(url!).pathname, url: url!, init: { method: method!, headers, ...(body && { body }) } };
}
