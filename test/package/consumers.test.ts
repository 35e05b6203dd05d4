import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Compilation, compileAndRun, type PackedPackage, packPackage } from './packed-package.js';

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packPackage();
}, 120_000);
afterAll(() => packed.remove());

describe('the packed package in an application', () => {
  it.each<Compilation>([
    { kind: 'an ES module', type: 'module', compiler: 'typescript', options: { module: 'NodeNext' } },
    { kind: 'CommonJS', type: 'commonjs', compiler: 'typescript', options: { module: 'NodeNext' } },
    {
      kind: 'an ES module by TypeScript 7',
      type: 'module',
      compiler: 'typescript-7',
      options: { module: 'NodeNext' },
    },
    {
      kind: 'CommonJS by TypeScript 7',
      type: 'commonjs',
      compiler: 'typescript-7',
      options: { module: 'NodeNext' },
    },
    {
      kind: 'CommonJS by TypeScript 5.9, with its moduleResolution node10',
      type: 'commonjs',
      compiler: 'typescript-5',
      options: { module: 'CommonJS', moduleResolution: 'node10' },
    },
    {
      kind: 'CommonJS by TypeScript 5.9, not strict, as older Nest applications are',
      type: 'commonjs',
      compiler: 'typescript-5',
      options: {
        module: 'CommonJS',
        target: 'ES2021',
        lib: null,
        types: null,
        strict: false,
        exactOptionalPropertyTypes: false,
        declaration: true,
        removeComments: true,
        allowSyntheticDefaultImports: true,
        skipLibCheck: true,
      },
    },
  ])('compiles and runs as $kind', { timeout: 120_000 }, async (compilation) => {
    const { stdout, stderr } = await compileAndRun(packed.consumer, compilation);

    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      body: { created: true },
      answer: 'hello Ada',
      events: ['handled', 'Mailer.send to ada@example.org', 'session released', 'greeted message of Ada'],
      succeeded: 2,
      doubled: 42,
      recorded: ['main'],
      others: ['function', 'function', 'function'],
    });
  });
});
