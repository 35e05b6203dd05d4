import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileAndRun, type PackedPackage, packPackage } from './packed-package.js';

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packPackage();
}, 120_000);
afterAll(() => packed.remove());

describe('the packed package in an application', () => {
  it.each([
    { kind: 'an ES module', type: 'module' },
    { kind: 'CommonJS', type: 'commonjs' },
  ] as const)('compiles and runs as $kind', { timeout: 120_000 }, async ({ type }) => {
    const { stdout, stderr } = await compileAndRun(packed.consumer, type);

    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      body: { created: true },
      events: ['handled', 'Mailer.send to ada@example.org', 'session released'],
      succeeded: 1,
      doubled: 42,
      recorded: ['main'],
    });
  });
});
