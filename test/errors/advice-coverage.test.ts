import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { declaredCodes } from '../support/error-codes.js';

/** The test that applies the fix of MISSING_PACKAGE, in applications that lack packages. */
const MISSING_PACKAGE = 'package/missing-packages.test.ts';

it('applies the fix of every error code in a test', () => {
  const tests = readdirSync(import.meta.dirname).filter((name) => /^advice-.+\.test\.ts$/.test(name));
  const tables = tests.map((name) => read(`errors/${name}`)).join('\n');
  const codes = [...tables.matchAll(/^ +code: '([A-Z_]+)',$/gm)].map(([, code]) => code!);

  expect(read(MISSING_PACKAGE)).toContain('MISSING_PACKAGE');
  expect([...new Set([...codes, 'MISSING_PACKAGE'])].toSorted()).toEqual(declaredCodes().toSorted());
});

function read(test: string): string {
  return readFileSync(join(import.meta.dirname, '..', test), 'utf8');
}
