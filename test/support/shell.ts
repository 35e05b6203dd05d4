import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/**
 * A shell into which a test pastes lines as they are printed. A curl line fails with the status of a refusal; `settings`
 * are further lines of a `.curlrc`. Resolves with what the line printed.
 */
export async function openShell(cwd: string, ...settings: string[]): Promise<(line: string) => Promise<string>> {
  const home = await mkdtemp(join(tmpdir(), 'curl-'));
  onTestFinished(() => rm(home, { recursive: true }));
  await writeFile(join(home, '.curlrc'), ['fail-with-body', 'no-progress-meter', ...settings].join('\n'));
  const env = { ...process.env, CURL_HOME: home };
  return async (line) => (await run('sh', ['-c', line], { cwd, env })).stdout;
}

/** Those of the paths, from the root of the repository on, that git would take. */
export async function seenByGit(paths: readonly string[]): Promise<string[]> {
  const { stdout } = await run('git', ['check-ignore', '--verbose', '--non-matching', '--no-index', ...paths], {
    cwd: root,
  });
  return stdout.split('\n').flatMap((line) => /^::\t(.+)$/.exec(line)?.[1] ?? []);
}
