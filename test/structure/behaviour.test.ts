import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const reference = readFileSync(join(root, 'docs/behaviour.md'), 'utf8');

/** The sections that open with a number, and the tests each names. */
const behaviours = reference
  .split(/^(?=\*\*B\d+ )/m)
  .slice(1)
  .map((section) => ({ number: /B\d+/.exec(section)![0], tests: testsNamedIn(section) }));

describe('docs/behaviour.md', () => {
  it('numbers each behaviour once', () => {
    const numbers = behaviours.map(({ number }) => number);

    expect(numbers).toEqual([...new Set(numbers)]);
  });

  it.each(behaviours)('names tests of $number that exist', ({ tests }) => {
    expect(tests.length).toBeGreaterThan(0);
    expect(tests.filter((test) => !existsSync(join(root, `${test}.test.ts`)))).toEqual([]);
  });
});

/** `test/a/{b, c}` stands for `test/a/b` and `test/a/c`. */
function testsNamedIn(section: string): string[] {
  const named = /^_Proved by (.+?)_$/ms.exec(section)?.[1] ?? '';
  return [...named.matchAll(/`([^`]+)`/g)].flatMap(([, name]) => {
    const [, before, several, after] = /^(.*)\{(.*)\}(.*)$/s.exec(name!) ?? [];
    return several === undefined ? [name!] : several.split(/,\s*/).map((one) => `${before}${one}${after}`);
  });
}
