import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { samplePlatforms } from '../support/quick-start.js';
import { SampleProcess } from '../support/sample-process.js';

const root = join(import.meta.dirname, '../..');

/** A clone in which `npm ci` has been run and nothing has been built. */
let clone: string;
beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), 'clone-'));
  for (const path of ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'src', 'inspector-page', 'sample']) {
    await cp(join(root, path), join(clone, path), { recursive: true, filter: (from) => !from.endsWith('/dist') });
  }
  await symlink(join(root, 'node_modules'), join(clone, 'node_modules'), 'dir');
});
afterAll(() => rm(clone, { recursive: true }));

describe.each(samplePlatforms)('npm start in a clean clone on %s', (PLATFORM) => {
  it('says that it builds before it does, and is ready within 25 s', async () => {
    await rm(join(clone, 'dist'), { recursive: true, force: true });
    const begun = performance.now();
    const sample = await runCommand(clone, 'npm start', { PLATFORM, PORT: '0' });

    await sample.printed(/Ctrl\+C/);

    expect(performance.now() - begun).toBeLessThan(25_000);
    expect(sample.log).toMatch(
      /^Building the package and the samples\. .+\nStarting sample\/01-quick-start\/main\.ts…\n[^]*^Ready on /m,
    );
  });
});

describe('A port in use', () => {
  it.each(['npm start', 'npm run sample 02', 'npm run sample 04', 'npm run sample 06', 'npm run sample 08'])(
    'ends "%s" with one sentence that names the command for another port',
    async (command) => {
      const port = await portInUse();
      const sample = await runCommand(clone, command, { PORT: String(port) });

      const { code } = await sample.exit;

      expect(code).toBe(1);
      expect(sample.log.split(/^Starting .*\n/m)[1]).toBe(
        `Another program uses port ${port}, so choose another port: PORT=${port + 1} ${command}\n`,
      );
    },
  );

  it('ends a program that was started with node in the same way', async () => {
    const port = await portInUse();
    const sample = await runCommand(root, 'node sample/dist/06-bullmq/main.js', {
      PORT: String(port),
      BOARD_PASSWORD: 'x',
    });

    const { code } = await sample.exit;

    expect([code, sample.log]).toEqual([
      1,
      `Another program uses port ${port}, so choose another port: ` +
        `PORT=${port + 1} node sample/dist/06-bullmq/main.js\n`,
    ]);
  });
});

/** Runs a command as a terminal does; it is ended with the test. */
async function runCommand(cwd: string, command: string, settings: Record<string, string>): Promise<StartedProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'sample-'));
  const env = { PATH: process.env['PATH'], NO_COLOR: '1', DATA_DIR: folder, ...settings };
  const child = spawn('sh', ['-c', command], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const started = new StartedProcess(child, folder);
  onTestFinished(() => started.remove());
  return started;
}

/** With the processes that it starts. */
class StartedProcess extends SampleProcess {
  protected override kill(): void {
    process.kill(-this.child.pid!, 'SIGKILL');
  }
}

/** A port that this process listens on. */
async function portInUse(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
