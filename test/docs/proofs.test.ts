import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/transports.md'), 'utf8');

/** What the page says, row by row and section by section, and the tests that it names for it. */
const proofs = page
  .slice(page.indexOf('## Which tests prove it'))
  .split(/^- /m)
  .slice(1)
  .map((item) => item.replaceAll(/\s+/g, ' '))
  .map((item) => ({ what: /^(.+?): `test/.exec(item)![1]!, tests: testsNamedIn(item) }));

describe('docs/transports.md', () => {
  it('names tests for each row of its table', () => {
    const rows = [...page.matchAll(/^\| (\S.+?) +\|/gm)].map(([, row]) => row!).filter((row) => !row.startsWith('-'));

    expect(rows.length).toBeGreaterThan(5);
    expect(rows.filter((row) => !proofs.some(({ what }) => what === row))).toEqual([]);
  });

  it.each(proofs)('names tests of "$what" that exist', ({ tests }) => {
    expect(tests.length).toBeGreaterThan(0);
    expect(tests.filter(({ file, title }) => !titlesIn(file).includes(title))).toEqual([]);
  });
});

interface NamedTest {
  readonly file: string;
  readonly title: string;
}

/** Reads a file in backquotes and the titles in quotes that follow it. */
function testsNamedIn(item: string): NamedTest[] {
  const [, ...files] = item.split(/`(?=test\/)/);
  return files.flatMap((named) => {
    const [file, titles] = named.split(/`(.*)/s) as [string, string];
    return [...titles.matchAll(/"([^"]+)"/g)].map(([, title]) => ({ file, title: title! }));
  });
}

/** The text of a file of tests. Titles of a suite are in a file of `test/support`. */
function titlesIn(file: string): string {
  const path = [`${file}.test.ts`, `${file}.ts`].map((name) => join(root, name)).find((name) => existsSync(name));
  return path === undefined ? '' : readFileSync(path, 'utf8').replaceAll("\\'", "'");
}
