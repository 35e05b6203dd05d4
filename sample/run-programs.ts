import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { requireFreePort } from './port.js';
import type { AvailableServer } from './server-process.js';

/** The part of a sample's settings that its programs need to begin. */
interface StartSettings {
  readonly port: number;
  readonly host: string;
}

interface Programs<Settings> {
  /** The `import.meta.url` of a file in the folder of the programs. */
  readonly folder: string;
  readonly files: readonly string[];
  readonly readSettings: () => Settings;
  /** Finds the server that they need. */
  readonly findServer: (settings: Settings) => Promise<AvailableServer>;
  /** Adds to their environment. */
  readonly variables: (server: AvailableServer) => Record<string, string>;
}

/** Starts programs with the server that they need, and stops all of them together: what an orchestrator does elsewhere. */
export async function runPrograms<Settings extends StartSettings>(programs: Programs<Settings>): Promise<void> {
  const stopping = new AbortController();
  // Not once: at Ctrl+C the terminal tells the others, too, and this one has to outlive them.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  try {
    const settings = programs.readSettings();
    await requireFreePort(settings.port, settings.host);
    const server = await programs.findServer(settings);
    await runAll(programs, { ...process.env, ...programs.variables(server) }, stopping.signal);
    await server.stop();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}

async function runAll(
  { folder, files }: Pick<Programs<never>, 'folder' | 'files'>,
  env: NodeJS.ProcessEnv,
  stopping: AbortSignal,
): Promise<void> {
  const children = files.map((file) =>
    spawn(process.execPath, [fileURLToPath(new URL(file, folder))], { env, stdio: 'inherit' }),
  );
  const ends = children.map((child) => once(child, 'close'));
  const stopAll = () => children.forEach((child) => child.kill('SIGTERM'));
  if (stopping.aborted) stopAll();
  else stopping.addEventListener('abort', stopAll);
  await Promise.race(ends);
  if (!stopping.aborted && children.length > 1) {
    console.error('One of the two processes has ended, so the other is stopped.');
  }
  stopAll();
  await Promise.all(ends);
  process.exitCode = stopping.aborted ? 0 : 1;
}
