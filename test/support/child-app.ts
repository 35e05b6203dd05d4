import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';
import type { TerminalTaskState } from '../../src/index.js';
import { Changes } from './changes.js';
import { type Exit, exitOf } from './exit.js';
import type { Platform } from './platforms.js';

// A process has to start first, and the machine may be busy with others.
vi.setConfig({ testTimeout: 60_000 });

/** What a fixture wrote down while it lived. */
export class Journal {
  readonly lines: readonly string[];

  constructor(text: string) {
    this.lines = text.split('\n').filter((line) => line !== '');
  }

  /** What follows the kind in each line of that kind. */
  of(kind: string): string[] {
    return this.lines
      .filter((line) => line === kind || line.startsWith(`${kind} `))
      .map((line) => line.slice(kind.length + 1));
  }

  get accepted(): string[] {
    return this.of('A');
  }

  /** The states in which each task ended, which should be one. */
  get ends(): Map<string, TerminalTaskState[]> {
    const ends = new Map<string, TerminalTaskState[]>();
    for (const end of this.of('T')) {
      const [id, state] = end.split(' ') as [string, TerminalTaskState];
      ends.set(id, [...(ends.get(id) ?? []), state]);
    }
    return ends;
  }

  /** The ids of accepted tasks that have no end. */
  get lost(): string[] {
    const { ends } = this;
    return this.accepted.filter((id) => !ends.has(id));
  }

  /** The ids that ended more than once, were accepted more than once, or ended without having been accepted. */
  get corrupt(): string[] {
    const { accepted, ends } = this;
    const known = new Set(accepted);
    const twice = accepted.length - known.size;
    return [
      ...[...ends].filter(([id, states]) => states.length > 1 || !known.has(id)).map(([id]) => id),
      ...Array.from({ length: twice }, () => 'accepted twice'),
    ];
  }

  count(state: TerminalTaskState): number {
    return this.of('T').filter((end) => end.endsWith(` ${state}`)).length;
  }
}

export interface ChildSettings {
  readonly platform?: Platform;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
  /** Starts the fixture in another way than with plain node, in a process group of its own as a terminal does. */
  readonly starter?: Starter;
}

/** A command that runs the fixture, and the folder to run it in. */
export type Starter = (fixture: URL, folder: string) => readonly [command: string, ...args: string[]];

/** A process that runs a fixture: a real application, to be sent real signals. */
export class Child {
  readonly exit: Promise<Exit>;
  readonly #output: string[] = [];
  readonly #changes = new Changes();

  constructor(
    private readonly process: ChildProcess,
    private readonly journalFile: string,
  ) {
    this.exit = exitOf(process, 'exit');
    for (const stream of [process.stdout!, process.stderr!]) {
      createInterface(stream).on('line', (line) => {
        this.#output.push(line);
        this.#changes.tell();
      });
    }
  }

  /** What follows the word on the first line of output that begins with it. */
  async said(word: string): Promise<string> {
    const heard = this.#changes.until(
      () => `the fixture has said ${word}; it said:\n${this.output}`,
      () => this.#output.find((line) => line === word || line.startsWith(`${word} `))?.slice(word.length + 1),
    );
    const ended = this.exit.then(() => {
      throw new Error(`The fixture ended without saying ${word}:\n${this.output}`);
    });
    return Promise.race([heard, ended]);
  }

  get pid(): number {
    return this.process.pid!;
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** Does what a terminal does on Ctrl+C: every process of the group gets SIGINT. */
  pressCtrlC(): void {
    process.kill(-this.process.pid!, 'SIGINT');
  }

  get journal(): Journal {
    return new Journal(readFileSync(this.journalFile, 'utf8'));
  }

  /** All that it printed, for the message of a failing assertion. */
  get output(): string {
    return this.#output.join('\n');
  }
}

/** Runs `test/faults/fixtures/<name>.mjs`. It is ended when the test is. */
export function startChild(name: string, { platform, env, nodeArgs = [], starter }: ChildSettings = {}): Child {
  const folder = mkdtempSync(join(tmpdir(), 'background-tasks-'));
  const journalFile = join(folder, 'journal');
  writeFileSync(journalFile, '');
  const fixture = new URL(`../faults/fixtures/${name}.mjs`, import.meta.url);
  const plainNode: Starter = () => [process.execPath, ...nodeArgs, fileURLToPath(fixture)];
  const [command, ...args] = (starter ?? plainNode)(fixture, folder);
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: starter && folder,
    detached: starter !== undefined,
    env: {
      ...process.env,
      NODE_ENV: 'production',
      PLATFORM: platform?.name ?? 'Express',
      JOURNAL: journalFile,
      ...env,
    },
  });
  const running = new Child(child, journalFile);
  onTestFinished(async () => {
    if (starter) killGroup(child);
    else child.kill('SIGKILL');
    await running.exit;
    rmSync(folder, { recursive: true });
  });
  return running;
}

function killGroup({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}
