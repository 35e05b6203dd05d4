import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nestAdd } from '../../src/schematics/nest-add.js';
import { node, type PackedPackage, packPackage, root } from './packed-package.js';

const nest = join(root, 'node_modules/@nestjs/cli/bin/nest.js');

describe('nest add in a new application of the Nest CLI', () => {
  let packed: PackedPackage;
  let app: string;
  beforeAll(async () => {
    packed = await packPackage();
    await node(packed.consumer, nest, 'new', 'app', '--skip-install', '--skip-git', '--package-manager', 'npm');
    app = join(packed.consumer, 'app');
    for (const name of [
      'typescript',
      '@nestjs/cli',
      '@nestjs/schematics',
      '@types/express',
      '@types/supertest',
      'vitest',
    ])
      link(name);
    await node(app, nest, 'add', 'nestjs-background-tasks', '--skip-install');
  }, 120_000);
  afterAll(() => packed.remove());

  function link(name: string): void {
    symlinkSync(join(root, 'node_modules', name), join(packed.consumer, 'node_modules', name), 'dir');
  }

  const read = (file: string) => readFileSync(join(app, 'src', file), 'utf8');

  it('imports the module, and enables the shutdown hooks', () => {
    expect(read('app.module.ts')).toContain("import { BackgroundTasksModule } from 'nestjs-background-tasks';\n");
    expect(read('app.module.ts')).toContain('  imports: [BackgroundTasksModule.forRoot()],\n');
    expect(read('main.ts')).toContain('  app.enableShutdownHooks();\n  await app.listen(');
  });

  it('leaves an application as it is that has both', async () => {
    const before = ['app.module.ts', 'main.ts'].map(read);

    await node(app, nest, 'add', 'nestjs-background-tasks', '--skip-install');

    expect(['app.module.ts', 'main.ts'].map(read)).toEqual(before);
  });

  it('makes one that builds, and runs tasks', { timeout: 120_000 }, async () => {
    writeFileSync(
      join(app, 'src/check.ts'),
      `import { NestFactory } from '@nestjs/core';
       import { TaskScopes } from 'nestjs-background-tasks';
       import { AppModule } from './app.module.js';
       const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
       await app.get(TaskScopes).run(({ tasks }) => void tasks.addTask(() => console.log('ran')));
       await app.close();`,
    );
    await node(app, nest, 'build');

    expect((await node(app, 'dist/check.js')).stdout).toBe('ran\n');
  });
});

describe('the edits of nest add', () => {
  it.each([
    [
      'imports of several lines',
      '@Module({\n  imports: [\n    A,\n  ],\n})',
      '@Module({\n  imports: [\n    BackgroundTasksModule.forRoot(),\n    A,\n  ],\n})',
    ],
    ['imports of one line', '@Module({ imports: [A] })', '@Module({ imports: [BackgroundTasksModule.forRoot(), A] })'],
    ['empty imports', '@Module({ imports: [] })', '@Module({ imports: [BackgroundTasksModule.forRoot()] })'],
    [
      'no imports',
      '@Module({\n  controllers: [],\n})',
      '@Module({\n  imports: [BackgroundTasksModule.forRoot()],\n  controllers: [],\n})',
    ],
  ])('take %s', (_what, text, expected) => {
    const { files } = edit({ 'src/app.module.ts': text });

    expect(files['src/app.module.ts']).toBe(
      `import { BackgroundTasksModule } from 'nestjs-background-tasks';\n${expected}`,
    );
  });

  it.each([
    ['awaited', 'await app.listen(3000);', 'app.enableShutdownHooks();\nawait app.listen(3000);'],
    ['void', '  void server.listen(3000);', '  server.enableShutdownHooks();\n  void server.listen(3000);'],
  ])('enable the hooks before a listen() that is %s', (_what, text, expected) => {
    expect(edit({ 'src/main.ts': text }).files['src/main.ts']).toBe(expected);
  });

  it('say what to do by hand where the files are others', () => {
    const { files, warnings } = edit({ 'apps/shop/src/main.ts': 'run();' }, 'apps/shop/src');

    expect(files).toEqual({ 'apps/shop/src/main.ts': 'run();' });
    expect(warnings).toEqual([
      'apps/shop/src/app.module.ts is not as expected. Add BackgroundTasksModule.forRoot() to the imports of your root module.',
      'apps/shop/src/main.ts is not as expected. Call app.enableShutdownHooks() before app.listen(), or a signal ends tasks ' +
        'that run.',
    ]);
  });
});

function edit(files: Record<string, string>, sourceRoot?: string) {
  const warnings: string[] = [];
  const tree = {
    exists: (path: string) => path in files,
    readText: (path: string) => files[path]!,
    overwrite: (path: string, content: string) => void (files[path] = content),
  };
  const logger = { info: () => undefined, warn: (message: string) => void warnings.push(message) };
  nestAdd(sourceRoot === undefined ? {} : { sourceRoot })(tree, { logger });
  return { files, warnings };
}
