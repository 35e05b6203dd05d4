import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';

// Starting a process takes its time on a busy machine, and so does painting twelve megapixels.
vi.setConfig({ testTimeout: 60_000 });

const main = fileURLToPath(new URL('../../sample/dist/04-thumbnails/main.js', import.meta.url));

/** The thumbnail sample, running in a process of its own as a user would start it. */
export class ThumbnailSample {
  readonly #readers = new Set<() => void>();
  #log = '';

  constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.#log += chunk.toString();
        for (const read of this.#readers) read();
      });
    }
  }

  /** All that it has printed. */
  get log(): string {
    return this.#log;
  }

  /** The lines to paste, as it prints them. */
  get curlLines(): readonly string[] {
    return this.#log.match(/^ +curl .*$/gm)!.map((line) => line.trim());
  }

  get url(): string {
    return /(http:\S+)\/example\.jpg/.exec(this.#log)![1]!;
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
    const ended = once(this.child, 'close').then(() => {
      throw new Error(`The sample ended. Run "npm run build:sample" first.\n${this.#log}`);
    });
    return Promise.race([found, ended]);
  }

  async upload(image: Uint8Array<ArrayBuffer>, contentType: string): Promise<Response> {
    return fetch(`${this.url}/images`, { method: 'POST', body: image, headers: { 'content-type': contentType } });
  }

  /** Sends SIGTERM, and resolves with how the process ended once it has. */
  async stop(): Promise<{ code: number | null; signal: string | null }> {
    const closed = once(this.child, 'close');
    this.child.kill('SIGTERM');
    const [code, signal] = (await closed) as [number | null, string | null];
    return { code, signal };
  }
}

/** Starts the built sample on a free port; it is stopped when the test ends. */
export async function startThumbnails(settings: Record<string, string> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'thumbnails-'));
  const env = { PATH: process.env['PATH'], NO_COLOR: '1', PORT: '0', DATA_DIR: join(folder, 'objects'), ...settings };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    }
    await rm(folder, { recursive: true });
  });
  const sample = new ThumbnailSample(child);
  await sample.printed(/Ctrl\+C/);
  return { sample, folder };
}
