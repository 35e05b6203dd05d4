import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pages, root } from './snippets.js';

describe('the links of the documentation', () => {
  it.each([...pages, 'CONTRIBUTING.md', 'sample/README.md'])('in %s lead to files and headings that exist', (page) => {
    const links = [...read(page).matchAll(/\]\((?!\w+:)([^)#]*)(?:#([^)]+))?\)/g)];
    const broken = links.filter(([, path, heading]) => {
      const target = path ? join(dirname(page), path) : page;
      return !existsSync(join(root, target)) || (heading !== undefined && !headingsIn(target).includes(heading));
    });

    expect(broken.map(([link]) => link)).toEqual([]);
  });

  it('lead from the README to every page', () => {
    const readme = read('README.md');

    expect(pages.slice(1).filter((page) => !readme.includes(`](${page})`))).toEqual([]);
  });
});

function read(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

/** The names by which GitHub links to the headings of a page. */
function headingsIn(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  );
}
