import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryPoints, writeReport } from '../../api/report.mjs';
import { root } from './packed-package.js';

const names = [...entryPoints.keys()];
const known = join(root, 'api');
let built: string;
beforeAll(() => {
  built = mkdtempSync(join(tmpdir(), 'api-report-'));
});
afterAll(() => rmSync(built, { recursive: true }));

describe('the types that an entry point promises', () => {
  it.each(names)(
    'are those of api/%s.api.md; if you meant to change them, run "npm run api"',
    { timeout: 60_000 },
    (name) => {
      writeReport(name, built);

      expect(textOf(built, name)).toBe(textOf(known, name));
    },
  );

  it('have a report each, and nothing else has', () => {
    expect(readdirSync(known).filter((file) => file.endsWith('.md'))).toEqual(
      names.map((name) => `${name}.api.md`).toSorted(),
    );
  });
});

function textOf(folder: string, name: string): string {
  return readFileSync(join(folder, `${name}.api.md`), 'utf8');
}
