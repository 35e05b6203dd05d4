import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** Folders of tests that belong to no room of the source. */
const others = ['beside', 'docs', 'faults', 'package', 'sample', 'structure', 'support', 'types'];

it('gives the tests of a room the name of the room', () => {
  const rooms = foldersIn('../../src');

  expect(foldersIn('..').filter((folder) => !rooms.includes(folder))).toEqual(others);
});

function foldersIn(path: string): string[] {
  const entries = readdirSync(join(import.meta.dirname, path), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
