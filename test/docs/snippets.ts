import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

export const root = join(import.meta.dirname, '../..');

const documents = readdirSync(join(root, 'docs'), { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => relative(root, join(parentPath, name)));

/** The pages that explain the package to its users. */
export const pages = ['README.md', ...documents.filter((path) => path.endsWith('.md'))];

/** The figures, screenshots and ready-made settings beside the pages. */
export const drawings = documents.filter((path) => /\.(svg|png|json|yml)$/.test(path));

/** A block of TypeScript in a page. */
export interface Snippet {
  readonly page: string;
  /** The line of the page in which its code begins. */
  readonly line: number;
  /** A file of its own in a folder for its page, so that the blocks of one page can import each other. */
  readonly path: string;
  readonly text: string;
}

/** The blocks of a page. A block that begins with `// name.ts` is the file of that name. */
export function snippetsIn(page: string): Snippet[] {
  const markdown = readFileSync(join(root, page), 'utf8');
  return [...markdown.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ index, 1: text }) => {
    const line = markdown.slice(0, index).split('\n').length + 1;
    const name = /^\/\/ (\S+\.ts)\n/.exec(text!)?.[1] ?? `line-${line}.ts`;
    return { page, line, path: join(import.meta.dirname, basename(page, '.md'), name), text: text! };
  });
}
