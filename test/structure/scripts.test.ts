import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('names the compiler in each script by its path, because three versions are installed as "tsc"', () => {
  const text = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8');
  const { scripts } = JSON.parse(text) as { scripts: Record<string, string> };

  expect(Object.values(scripts).filter((script) => /(^|[ &])tsc\b/.test(script))).toEqual([]);
});
