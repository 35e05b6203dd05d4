import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export const root = join(import.meta.dirname, '../..');

const run = promisify(execFile);

/** What `npm publish` would send, in a folder of its own. */
export interface PackedPackage {
  readonly tarball: string;
  /** The paths in the tarball. */
  readonly files: readonly string[];
  /** A project that has installed it, and has the repository's copies of what it needs beside it. */
  readonly consumer: string;
  /** Where the package lies in that project. */
  readonly installed: string;
  remove(): void;
}

/** What the application has beside it: the peers, a platform and their types. */
const COMPANIONS = [
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/microservices',
  '@nestjs/platform-express',
  '@nestjs/platform-fastify',
  '@nestjs/platform-ws',
  '@nestjs/websockets',
  '@opentelemetry/api',
  '@types/node',
  '@types/pg',
  'bullmq',
  'ioredis',
  'pg',
  'piscina',
  'reflect-metadata',
  'rxjs',
];

/** How an application is compiled. */
export interface Compilation {
  readonly kind: string;
  readonly type: 'module' | 'commonjs';
  /** A folder in `node_modules`. */
  readonly compiler: string;
  /** Beside or in place of strict ones; `null` takes one away. */
  readonly options: Record<string, unknown>;
}

/** Packs what is built, and installs it. A clean `npm ci` keeps no package lists in the cache, so npm may ask for one. */
export async function packPackage(): Promise<PackedPackage> {
  const folder = mkdtempSync(join(tmpdir(), 'nestjs-background-tasks-'));
  const consumer = join(folder, 'consumer');
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true }));
  const packed = await npm(root, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder);
  const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
  const tarball = join(folder, filename);
  await npm(
    consumer,
    'install',
    '--prefer-offline',
    '--ignore-scripts',
    '--legacy-peer-deps',
    '--no-audit',
    '--no-fund',
    tarball,
  );
  for (const name of COMPANIONS) {
    const link = join(consumer, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link, 'dir');
  }
  return {
    tarball,
    files: files.map(({ path }) => path),
    consumer,
    installed: join(consumer, 'node_modules/nestjs-background-tasks'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Compiles the consumer, strictly, and runs it. Resolves with what it printed. */
export async function compileAndRun(
  consumer: string,
  { type, compiler, options }: Compilation,
): Promise<{ stdout: string; stderr: string }> {
  const folder = mkdtempSync(join(consumer, `${type}-`));
  cpSync(join(import.meta.dirname, 'consumer'), folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'ES2022',
        lib: ['ES2023', 'ESNext.Disposable'],
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        skipLibCheck: false,
        ...options,
      },
    }),
  );
  await node(folder, join(root, 'node_modules', compiler, 'bin/tsc'), '-p', '.');
  return node(folder, 'main.js');
}

/** Runs one of the repository's command-line tools, or any script. Rejects with what it printed if it fails. */
export async function node(
  cwd: string,
  script: string,
  ...args: string[]
): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, [script, ...args], { cwd }).catch((error: unknown) => {
    const { message, stdout, stderr } = error as Error & { stdout: string; stderr: string };
    throw new Error(`${message}\n${stdout}\n${stderr}`, { cause: error });
  });
}

async function npm(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('npm', args, { cwd });
  return stdout;
}
