import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { pages, root, type Snippet, snippetsIn } from './snippets.js';

/** The application that the snippets are parts of: what a page uses without declaring it. */
const APPLICATION = `
  import type { INestApplication, Type } from '@nestjs/common';
  declare global {
    class Mailer {
      send(address: string, subject: string, options?: { readonly signal: AbortSignal }): Promise<void>;
      sendVerification(address: string): Promise<void>;
    }
    class DbSession {
      readonly runner: { query(sql: string, values: unknown[]): Promise<[{ email: string }]> };
    }
    const AppModule: Type;
    const app: INestApplication;
  }
`;

const snippets = pages.flatMap(snippetsIn);

describe('the TypeScript of the documentation', () => {
  const program = compile(snippets);

  it.each(snippets)('of $page, line $line, compiles', { timeout: 60_000 }, ({ path, line }) => {
    const problems = ts.getPreEmitDiagnostics(program, program.getSourceFile(path));

    expect(problems.map((problem) => show(problem, line))).toEqual([]);
  });

  it('begins with its imports, so that a reader can paste it', () => {
    const others = snippets.filter(({ text }) => !/^(\/\/ \S+\n)?import /.test(text));

    expect(others.map(({ page, line }) => `${page}:${line}`)).toEqual([]);
  });
});

/** Compiles the snippets as files of the repository, where the package has its own name. They are on no disk. */
function compile(files: readonly Snippet[]): ts.Program {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined };
  const { options } = ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.json'), {}, host)!;
  const application = join(import.meta.dirname, 'application.d.ts');
  const texts = new Map([[application, APPLICATION], ...files.map(({ path, text }) => [path, text] as const)]);
  const folders = new Set([...texts.keys()].map((path) => dirname(path)));
  const shown = { ...options, noUnusedLocals: false, noUnusedParameters: false };
  const disk = ts.createCompilerHost(shown);
  return ts.createProgram([...texts.keys()], shown, {
    ...disk,
    fileExists: (path) => texts.has(path) || disk.fileExists(path),
    directoryExists: (path) => folders.has(path) || disk.directoryExists!(path),
    readFile: (path) => texts.get(path) ?? disk.readFile(path),
    getSourceFile: (path, language) => {
      const text = texts.get(path);
      return text === undefined ? disk.getSourceFile(path, language) : ts.createSourceFile(path, text, language);
    },
  });
}

function show({ file, start, messageText }: ts.Diagnostic, firstLine: number): string {
  const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + firstLine : '?';
  return `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}
