import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { declaredCodes } from '../support/error-codes.js';
import { root } from './snippets.js';

const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8');

/** The entries: each begins with a code as its heading. */
const entries = page
  .split(/^(?=### )/m)
  .slice(1)
  .map((entry) => ({ code: /^### (.+)$/m.exec(entry)![1]!, text: entry.split(/^## /m)[0]! }));

describe('docs/troubleshooting.md', () => {
  it('has one entry for each error code, and no other', () => {
    expect(entries.map(({ code }) => code).toSorted()).toEqual(declaredCodes().toSorted());
  });

  it.each(entries)('says of $code what it means, why it happens, and what to write', ({ text }) => {
    const [, meaning, why, fix] = /^### .+\n\n(.+?)\n\n\*\*Why\.\*\* (.+?)\n\n\*\*Fix\.\*\* (.+)$/s.exec(text) ?? [];

    expect(meaning).toMatch(/^[A-Z`@][^\n]*(\n[^\n]+)*\.$/);
    expect(why).toMatch(/\.$/);
    // Code to copy, in the sentence or below it.
    expect(fix).toMatch(/`/);
  });
});
