import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** One import or re-export of a source file. */
export interface Arrow {
  readonly from: string;
  /** The file it leads to, or the name of a package. */
  readonly to: string;
  /** Whether nothing of it is left when the program runs. */
  readonly isTypeOnly?: boolean;
}

export interface SourceFile {
  /** Relative to the root, with slashes. */
  readonly path: string;
  readonly lines: number;
}

export interface SourceGraph {
  readonly files: readonly SourceFile[];
  /** What leads to another file of the root. */
  readonly inside: readonly Arrow[];
  /** What leads to a package or to Node. */
  readonly outside: readonly Arrow[];
  /** What leads to no file at all. */
  readonly broken: readonly Arrow[];
}

/** Reads all files under `root`, and who imports whom: types, re-exports and dynamic imports included. */
export function readSourceGraph(root: string): SourceGraph {
  const paths = (readdirSync(root, { recursive: true }) as string[]).filter((path) => /\.ts$|\.js$/.test(path)).sort();
  const files: SourceFile[] = [];
  const inside: Arrow[] = [];
  const outside: Arrow[] = [];
  const broken: Arrow[] = [];
  for (const path of paths) {
    const text = readFileSync(join(root, path), 'utf8');
    files.push({ path, lines: text.trimEnd().split('\n').length });
    for (const { name, isTypeOnly } of importsOf(path, text)) {
      if (!name.startsWith('.')) {
        outside.push({ from: path, to: name, isTypeOnly });
        continue;
      }
      const wanted = join(dirname(path), name);
      const found = [wanted, wanted.replace(/\.js$/, '.ts')].find((candidate) => existsSync(join(root, candidate)));
      (found ? inside : broken).push({ from: path, to: found ?? wanted, isTypeOnly });
    }
  }
  return { files, inside, outside, broken };
}

/**
 * Every module a file names: `import`, `import type`, `export … from`, `import()`, `createRequire()()`, `import('…')` types
 * and our `requirePackage()`.
 */
export function importsOf(path: string, text: string): { name: string; isTypeOnly: boolean }[] {
  const found: { name: string; isTypeOnly: boolean }[] = [];
  const visit = (node: ts.Node): void => {
    const name = moduleNameOf(node);
    if (name && ts.isStringLiteralLike(name)) found.push({ name: name.text, isTypeOnly: leavesNothing(node) });
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return found;
}

/** Whether nothing of an import is left when the program runs. */
function leavesNothing(node: ts.Node): boolean {
  if (ts.isImportTypeNode(node)) return true;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  if (!ts.isImportDeclaration(node) || !node.importClause) return false;
  const { phaseModifier, name, namedBindings } = node.importClause;
  if (phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  return (
    !name && !!namedBindings && ts.isNamedImports(namedBindings) && namedBindings.elements.every((e) => e.isTypeOnly)
  );
}

function moduleNameOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isCallExpression(node) && isLoader(node.expression)) return node.arguments[0];
  if (ts.isCallExpression(node) && isNamed(node.expression, 'requirePackage')) return node.arguments[1];
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal;
  return undefined;
}

/** Whether it is `import`, or what `createRequire()` returns. */
function isLoader(callee: ts.Expression): boolean {
  if (callee.kind === ts.SyntaxKind.ImportKeyword) return true;
  return ts.isCallExpression(callee) && isNamed(callee.expression, 'createRequire');
}

function isNamed(expression: ts.Expression, name: string): boolean {
  return ts.isIdentifier(expression) && expression.text === name;
}

/** The circles in a graph, each as its members from one back to itself. Empty if there is none. */
export function circlesIn(arrows: readonly Arrow[]): string[][] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of arrows) next.set(from, (next.get(from) ?? new Set<string>()).add(to));
  const circles: string[][] = [];
  const done = new Set<string>();
  const walk = (at: string, way: readonly string[]): void => {
    const start = way.indexOf(at);
    if (start !== -1) {
      circles.push([...way.slice(start), at]);
      return;
    }
    if (done.has(at)) return;
    for (const to of next.get(at) ?? []) walk(to, [...way, at]);
    done.add(at);
  };
  for (const from of next.keys()) walk(from, []);
  return circles;
}
