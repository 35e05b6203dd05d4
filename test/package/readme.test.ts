import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { snippetsIn } from '../docs/snippets.js';
import { freePort } from '../support/free-port.js';
import { SampleProcess } from '../support/sample-process.js';
import { openShell } from '../support/shell.js';
import { until } from '../support/until.js';
import { node, type PackedPackage, packPackage, root } from './packed-package.js';

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packPackage();
}, 120_000);
afterAll(() => packed.remove());

describe.each([
  { platform: 'Express', edit: (main: string) => main },
  { platform: 'Fastify', edit: asItsCommentSays },
])('The application of the README on $platform', ({ edit }) => {
  it('answers each curl line as it is printed, and does afterwards what the text says', async () => {
    const port = await freePort();
    const application = await startApplication((main) => edit(main).replace('listen(3000)', `listen(${port})`));
    await until('the application listens', () =>
      fetch(`http://localhost:${port}`).then(
        () => true,
        () => false,
      ),
    );
    // The lines say port 3000, which may be in use here.
    const paste = await openShell(application.folder, `connect-to = "localhost:3000:localhost:${port}"`);

    const answers: unknown[] = [];
    for (const line of curlLines()) answers.push(JSON.parse(await paste(line)));

    expect(answers).toEqual([{ message: 'User created, the mail will be sent.' }]);
    await application.printed(/^Mail sent to ada@example\.org$/m);
  });
});

/** Compiles the first two files of the README in a folder of their own, and runs them; they are ended with the test. */
async function startApplication(edit: (main: string) => string): Promise<SampleProcess> {
  const folder = mkdtempSync(join(packed.consumer, 'readme-'));
  const [appModule, main] = snippetsIn('README.md');
  writeFileSync(join(folder, 'app.module.ts'), appModule!.text);
  writeFileSync(join(folder, 'main.ts'), edit(main!.text));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  const compilerOptions = {
    target: 'ES2023',
    module: 'NodeNext',
    types: ['node'],
    strict: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    skipLibCheck: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  await node(folder, join(root, 'node_modules/typescript/bin/tsc'), '-p', '.');
  const application = new SampleProcess(
    spawn(process.execPath, ['main.js'], { cwd: folder, env: { ...process.env, NO_COLOR: '1' } }),
    folder,
  );
  onTestFinished(() => application.remove());
  return application;
}

/** Does what the comment beside `NestFactory.create` says about Fastify. */
function asItsCommentSays(main: string): string {
  const create = /create\(AppModule, new FastifyAdapter\(\)\)/.exec(main)![0];
  return `import { FastifyAdapter } from '@nestjs/platform-fastify';\n${main.replace('create(AppModule);', `${create};`)}`;
}

function curlLines(): string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  return [...readme.matchAll(/\bcurl -[^`\n]+/g)].map(([line]) => line);
}
