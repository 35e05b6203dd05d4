import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawings, pages, root } from './snippets.js';

/** What the absolute links to our own files begin with: `blob/` for a file, `raw/` for an image, `tree/` for a folder. */
const ours = `${(JSON.parse(read('package.json')) as { homepage: string }).homepage.split('#')[0]!}/`;

/** What npm packs. */
const packed = new Set([...pages, ...drawings, 'CHANGELOG.md']);

describe('the links of the documentation', () => {
  it.each([
    ...pages,
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'sample/README.md',
    'sample/02-transactions/README.md',
    'sample/07-transports/README.md',
    'sample/09-deploys/README.md',
    'sample/10-multi-tenant/README.md',
  ])('in %s lead to files and headings that exist', (page) => {
    const broken = linksIn(page).filter(({ path, heading }) => {
      if (path === undefined) return false;
      return !existsSync(join(root, path)) || (heading !== undefined && !headingsIn(path).includes(heading));
    });

    expect(broken.map(({ link }) => link)).toEqual([]);
  });

  it('lead from the README to every page', () => {
    const paths = new Set(linksIn('README.md').map(({ path }) => path));

    expect(pages.slice(1).filter((page) => !paths.has(page))).toEqual([]);
  });

  it('in the README are absolute, because a registry shows it without the files beside it', () => {
    const relative = linksIn('README.md').filter(({ isRelative }) => isRelative);

    expect(relative.map(({ link }) => link)).toEqual([]);
  });

  it.each([...pages, 'CHANGELOG.md'])('in %s are absolute where they lead to what is not packed', (page) => {
    const unpacked = linksIn(page).filter(({ path, isRelative }) => isRelative && !packed.has(path!));

    expect(unpacked.map(({ link }) => link)).toEqual([]);
  });
});

/** A link, with the path in the repository that it leads to; `undefined` for one to elsewhere. */
interface Link {
  readonly link: string;
  readonly path: string | undefined;
  readonly heading: string | undefined;
  readonly isRelative: boolean;
}

/** Links in the text, and the definitions of those with a name: `[name]: url`. */
function linksIn(page: string): Link[] {
  return [...read(page).matchAll(/\]\(([^)#\s]*)(?:#([^)]+))?\)|^\[[^\]]+\]: ([^#\s]+)(?:#(\S+))?$/gm)]
    .map(([link, to, heading, namedTo, namedHeading]) => ({
      link,
      to: to ?? namedTo!,
      heading: heading ?? namedHeading,
    }))
    .filter(({ to, heading }) => to !== '' || heading !== undefined)
    .map(({ link, to, heading }) => ({
      link,
      path: pathOf(page, to),
      heading,
      isRelative: to !== '' && !/^\w+:/.test(to),
    }));
}

function pathOf(page: string, to: string): string | undefined {
  if (to === '') return page;
  if (!/^\w+:/.test(to)) return join(dirname(page), to);
  return to.startsWith(ours) ? to.slice(ours.length).replace(/^(blob|tree|raw)\/main\//, '') : undefined;
}

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
