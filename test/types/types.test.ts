import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { compilerOptions } from '../support/diagnostics.js';

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));

describe('B6 the types of the public entry points', () => {
  const program = compile(files.map((name) => join(import.meta.dirname, name)));

  it.each(files)('accept what is right and refuse what is wrong in %s', { timeout: 60_000 }, (name) => {
    const source = program.getSourceFile(join(import.meta.dirname, name));

    // Wrong uses carry @ts-expect-error, which is a diagnostic itself where nothing is wrong.
    expect(source?.text).toContain('@ts-expect-error');
    expect(ts.getPreEmitDiagnostics(program, source).map(show)).toEqual([]);
  });
});

function compile(paths: readonly string[]): ts.Program {
  return ts.createProgram(paths, compilerOptions());
}

function show({ file, start, messageText }: ts.Diagnostic): string {
  const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : '?';
  return `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}
