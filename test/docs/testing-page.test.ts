import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { root, snippetsIn } from './snippets.js';

it('the tests of docs/testing.md pass', { timeout: 60_000 }, async () => {
  // Within the repository, where the package has its own name.
  const folder = await mkdtemp(join(import.meta.dirname, 'tmp-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const snippets = snippetsIn('docs/testing.md');
  for (const { path, text } of snippets) await writeFile(join(folder, basename(path)), text);
  const results = join(folder, 'results.json');
  await writeFile(join(folder, 'vitest.config.mjs'), 'export default {};');

  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const options = ['run', '--root', folder, '--reporter', 'json', '--outputFile', results];
  await promisify(execFile)(process.execPath, [vitest, ...options], { cwd: folder });

  const { default: found } = (await import(results, { with: { type: 'json' } })) as { default: object };
  const files = snippets.filter(({ path }) => path.endsWith('.test.ts')).length;
  expect(found).toMatchObject({ success: true, numFailedTests: 0 });
  expect((found as { testResults: unknown[] }).testResults).toHaveLength(files);
});
