import { join } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '../..');

/** Reads the compiler options of the project. */
export function compilerOptions(): ts.CompilerOptions {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined };
  return ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.json'), {}, host)!.options;
}

const name = join(root, 'test/types/fixture.ts');

/** Compiles a text as an editor does, as if it were a file of `test/types`. */
export class EditedFile {
  readonly #service: ts.LanguageService;

  constructor(private readonly text: string) {
    const options = compilerOptions();
    const read = (path: string) => (path === name ? text : ts.sys.readFile(path));
    this.#service = ts.createLanguageService({
      getCompilationSettings: () => options,
      getScriptFileNames: () => [name],
      getScriptVersion: () => '1',
      getScriptSnapshot: (path) => {
        const content = read(path);
        return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content);
      },
      getCurrentDirectory: () => root,
      getDefaultLibFileName: (given) => ts.getDefaultLibFilePath(given),
      fileExists: (path) => path === name || ts.sys.fileExists(path),
      readFile: read,
    });
  }

  /** The messages of the compiler by the line that they are about. */
  messages(): Map<string, string[]> {
    const program = this.#service.getProgram()!;
    const source = program.getSourceFile(name)!;
    const lines = this.text.split('\n');
    const messages = new Map<string, string[]>();
    for (const { start = 0, messageText } of ts.getPreEmitDiagnostics(program, source)) {
      const line = lines[source.getLineAndCharacterOfPosition(start).line]!.trim();
      messages.set(line, [...(messages.get(line) ?? []), ts.flattenDiagnosticMessageText(messageText, '\n')]);
    }
    return messages;
  }

  /** What the editor offers at the `|` of a line, which stands in the text without it. */
  completions(line: string): string[] {
    const position = this.text.indexOf(line.replace('|', '')) + line.indexOf('|');
    return this.#service.getCompletionsAtPosition(name, position, {})?.entries.map((entry) => entry.name) ?? [];
  }
}
