import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Child, startChild, type Starter } from '../support/child-app.js';
import { type Platform, platforms } from '../support/platforms.js';

const root = join(import.meta.dirname, '../..');

const plainNode: Starter = (fixture) => [process.execPath, fixture.pathname];

/** npm passes each signal on, beside the terminal. */
const npmStart: Starter = (fixture, folder) => {
  const scripts = { start: `node ${fixture.pathname}` };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'app', type: 'module', scripts }));
  return ['npm', 'start'];
};

/** So does the Nest CLI, which compiles first. */
const nestStart: Starter = (fixture, folder) => {
  const compilerOptions = { module: 'nodenext', target: 'es2023', outDir: 'dist', rootDir: 'src', types: [] };
  mkdirSync(join(folder, 'src'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'app', type: 'module' }));
  writeFileSync(join(folder, 'nest-cli.json'), JSON.stringify({ sourceRoot: 'src' }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  writeFileSync(join(folder, 'src/main.ts'), `await import('${fixture.pathname}' as string);\n`);
  return [process.execPath, join(root, 'node_modules/@nestjs/cli/bin/nest.js'), 'start'];
};

describe.each([
  { command: 'node', starter: plainNode, platform: platforms[0]! },
  { command: 'node', starter: plainNode, platform: platforms[1]! },
  { command: 'npm start', starter: npmStart, platform: platforms[0]! },
  { command: 'nest start', starter: nestStart, platform: platforms[1]! },
])('B18 Ctrl+C under $command on $platform.name', ({ starter, platform }) => {
  it('lets the tasks finish, and says what the shutdown waits for and how it ended', async () => {
    const child = await withRunningTask(starter, platform, { TASK_MS: '1500' });

    child.pressCtrlC();
    await child.exit;

    const { journal } = child;
    expect(journal.of('T').map((end) => end.split(' ')[1])).toEqual(['succeeded']);
    expect(journal.of('L')).toEqual([
      'log Shutting down: waiting for 1 task (slow), up to 25 s.',
      expect.stringMatching(/^log Shutting down: everything has ended after \d+(\.\d)? s\.$/),
    ]);
    expect(journal.of('HOOK')).toEqual(['onModuleDestroy', 'onApplicationShutdown']);
    expect(journal.of('ABORTED')).toEqual([]);
  });

  it('ends at once when it is pressed again, names what it abandons and runs the other hooks', async () => {
    const child = await withRunningTask(starter, platform);
    child.pressCtrlC();
    await child.said('LATER');

    const pressedAt = Date.now();
    child.pressCtrlC();
    await child.exit;

    // The deadline is 25 s.
    expect(Date.now() - pressedAt).toBeLessThan(10_000);
    const { journal } = child;
    expect(journal.of('T').map((end) => end.split(' ')[1])).toEqual(['abandoned']);
    expect(journal.of('L')).toEqual([
      'log Shutting down: waiting for 1 task (slow), up to 25 s.',
      expect.stringMatching(
        /^error Shutdown was cut short by SIGINT: abandoned 1 task\(s\): "slow" \(id .*, running for \d+ ms\)\.$/,
      ),
    ]);
    expect(journal.of('HOOK')).toEqual(['onModuleDestroy', 'onApplicationShutdown']);
    expect(journal.of('ABORTED')).toHaveLength(1);
  });
});

describe.each(platforms)('B18 Ctrl+C on $name', (platform) => {
  it('ends the process by SIGINT when it is pressed again', async () => {
    const child = await withRunningTask(plainNode, platform);
    child.pressCtrlC();
    await child.said('LATER');

    child.pressCtrlC();

    expect(await child.exit, child.output).toEqual({ code: null, signal: 'SIGINT' });
  });
});

async function withRunningTask(starter: Starter, platform: Platform, env?: Record<string, string>): Promise<Child> {
  const child = startChild('interrupted', { platform, starter, ...(env && { env }) });
  const port = await child.said('PORT');
  await (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers: { connection: 'close' } })).text();
  return child;
}
