import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';

const samples = import.meta.dirname;
const root = join(samples, '..');

/** Compiles a project with TypeScript 7: in a second, where the Nest CLI takes six. Ends the process if it fails. */
export function compile(project) {
  const compiler = join(root, 'node_modules/typescript-7/bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', join(root, project)], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

/** Compiles all samples into `sample/dist`, and copies the files that they read there. */
export function buildSamples() {
  compile('sample/tsconfig.json');
  for (const name of readdirSync(samples).filter((folder) => /^\d/.test(folder))) {
    cpSync(join(samples, name), join(samples, 'dist', name), { recursive: true, filter: isRead });
  }
}

function isRead(path) {
  return statSync(path).isDirectory() || ['.html', '.json'].includes(extname(path));
}

if (process.argv[1] === import.meta.filename) buildSamples();
