import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';
import { Changes } from './changes.js';
import { type Exit, exitOf } from './exit.js';

// Processes have to start, and the machine may be busy with others.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** A program of a sample, running in a process of its own as a user would start it. */
export class SampleProcess {
  readonly exit: Promise<Exit>;
  readonly #changes = new Changes();
  #log = '';

  constructor(
    protected readonly child: ChildProcess,
    /** Where it runs, and keeps its files. */
    readonly folder: string,
  ) {
    this.exit = exitOf(child, 'close');
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.#log += chunk.toString();
        this.#changes.tell();
      });
    }
  }

  /** All that it has printed. Complete once {@link exit} has resolved. */
  get log(): string {
    return this.#log;
  }

  /** The curl lines that it has printed, as a user would paste them. */
  get shellLines(): readonly string[] {
    return this.#log.match(/^ +curl .*$/gm) ?? [];
  }

  /** Resolves with what matches, once it has been printed. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const found = this.#changes.until(
      () => `the sample has printed ${pattern}; it printed:\n${this.#log}`,
      () => pattern.exec(this.#log) ?? undefined,
    );
    const ended = this.exit.then(() => {
      throw new Error(`The sample ended. Run "npm run build:sample" first.\n${this.#log}`);
    });
    return Promise.race([found, ended]);
  }

  /** Sends SIGTERM, and resolves with how the process ended once it has. */
  async stop(): Promise<Exit> {
    this.child.kill('SIGTERM');
    return this.exit;
  }

  /** Ends what is left of it, and removes its folder. */
  async remove(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.kill();
      await this.exit;
    }
    await rm(this.folder, { recursive: true });
  }

  protected kill(): void {
    this.child.kill('SIGKILL');
  }
}

/** Starts a built program, such as `04-thumbnails/main`, on a free port; it is ended with the test. */
export async function startSample<Sample extends SampleProcess>(
  SampleClass: new (child: ChildProcess, folder: string) => Sample,
  program: string,
  settings: Record<string, string>,
  onEnd: (callback: () => Promise<void>) => void = onTestFinished,
  options: SpawnOptions = {},
): Promise<Sample> {
  const file = fileURLToPath(new URL(`../../sample/dist/${program}.js`, import.meta.url));
  const folder = await mkdtemp(join(tmpdir(), 'sample-'));
  const env = { PATH: process.env['PATH'], NO_COLOR: '1', PORT: '0', DATA_DIR: folder, ...settings };
  const child = spawn(process.execPath, [file], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const sample = new SampleClass(child, folder);
  onEnd(() => sample.remove());
  return sample;
}
