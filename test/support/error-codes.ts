import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The codes of all errors, as the source declares them: a type leaves nothing behind to look at. */
export function declaredCodes(): string[] {
  const files = ['errors/background-tasks-error.ts', 'testing/testing-errors.ts', 'worker-threads/thread-errors.ts'];
  const source = files.map((file) => readFileSync(join(import.meta.dirname, '../../src', file), 'utf8')).join('\n');
  return [...source.matchAll(/^ +([A-Z_]+): true;$/gm)].map((match) => match[1]!);
}
