/** The files of an application, as `nest add` hands them over: a `Tree` of @angular-devkit/schematics. */
interface Files {
  readText(path: string): string;
  exists(path: string): boolean;
  overwrite(path: string, content: string): void;
}

interface Context {
  readonly logger: { info(message: string): void; warn(message: string): void };
}

/**
 * What `nest add nestjs-background-tasks` does to an application: its root module imports `BackgroundTasksModule`, and its
 * `main.ts` enables the shutdown hooks. Leaves alone what is there already, and says what it cannot do.
 */
export function nestAdd({ sourceRoot = 'src' }: { readonly sourceRoot?: string } = {}) {
  return (files: Files, { logger }: Context): Files => {
    const steps = [
      { path: `${sourceRoot}/app.module.ts`, edit: importModule, byHand: IMPORT_BY_HAND },
      { path: `${sourceRoot}/main.ts`, edit: enableShutdownHooks, byHand: HOOKS_BY_HAND },
    ];
    for (const { path, edit, byHand } of steps) {
      const text = files.exists(path) ? files.readText(path) : '';
      const edited = edit(text);
      if (edited === undefined) logger.warn(`${path} is not as expected. ${byHand}`);
      else if (edited === text) logger.info(`${path} has it already.`);
      else files.overwrite(path, edited);
    }
    return files;
  };
}

const IMPORT_BY_HAND = 'Add BackgroundTasksModule.forRoot() to the imports of your root module.';
const HOOKS_BY_HAND = 'Call app.enableShutdownHooks() before app.listen(), or a signal ends tasks that run.';

/** Adds the module to the imports of the first `@Module()`; `undefined` if there is none. */
function importModule(text: string): string | undefined {
  if (text.includes('BackgroundTasksModule')) return text;
  const start = text.search(/@Module\(\s*\{/);
  if (start === -1) return undefined;
  const [before, module] = [text.slice(0, start), text.slice(start)];
  const withImport = /\bimports:\s*\[/.test(module)
    ? module.replace(/\bimports:\s*\[(\s*)(\]?)/, (_, space: string, end: string) =>
        end ? `imports: [${ENTRY}]` : `imports: [${space}${ENTRY},${space || ' '}`,
      )
    : module.replace(/@Module\(\s*\{/, `@Module({\n  imports: [${ENTRY}],`);
  return `import { BackgroundTasksModule } from 'nestjs-background-tasks';\n${before}${withImport}`;
}

/** Enables the hooks before the application listens; `undefined` if it does not. */
function enableShutdownHooks(text: string): string | undefined {
  if (text.includes('enableShutdownHooks(')) return text;
  const listens = /^([ \t]*)(?:await |void |return )?(\w+)\.listen\(/m;
  if (!listens.test(text)) return undefined;
  return text.replace(
    listens,
    (line, indent: string, app: string) => `${indent}${app}.enableShutdownHooks();\n${line}`,
  );
}

const ENTRY = 'BackgroundTasksModule.forRoot()';
