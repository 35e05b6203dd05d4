import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { node, type PackedPackage, packPackage, root } from './packed-package.js';

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packPackage();
}, 120_000);
afterAll(() => packed.remove());

const redis = "{ connection: 'redis://127.0.0.1:1' }";
const postgres = "{ postgres: 'postgresql://127.0.0.1:1/none' }";

/** What needs optional packages, in an application that has only some of them. */
const uses: readonly Use[] = [
  { what: 'BullMQ on Redis', has: [], needs: ['bullmq', 'ioredis'], program: startsQueue(redis) },
  { what: 'BullMQ on Redis', has: ['bullmq'], needs: ['ioredis'], program: startsQueue(redis) },
  { what: 'BullMQ on Redis', has: ['ioredis'], needs: ['bullmq'], program: startsQueue(redis) },
  { what: 'BullMQ on PostgreSQL', has: [], needs: ['bullmq', 'pg'], program: startsQueue(postgres) },
  { what: 'BullMQ on PostgreSQL', has: ['bullmq'], needs: ['pg'], program: startsQueue(postgres) },
  { what: 'migrateBullMq()', has: ['pg'], needs: ['bullmq'], program: migrates() },
  { what: 'migrateBullMq()', has: ['bullmq'], needs: ['pg'], program: migrates() },
  {
    what: '"nestjs-background-tasks/worker-threads"',
    has: [],
    needs: ['piscina'],
    program: imports('worker-threads'),
  },
  {
    what: '"nestjs-background-tasks/opentelemetry"',
    has: [],
    needs: ['@opentelemetry/api'],
    program: imports('opentelemetry'),
  },
  {
    what: '"nestjs-background-tasks/prometheus"',
    has: [],
    needs: ['prom-client'],
    program: imports('prometheus'),
  },
];

/** The entry points for a package of Nest, which must be the copy that the application imports. */
const ofNest = ['microservices', 'websockets', 'graphql', 'terminus'].map((entry) => ({
  entry,
  needs: `@nestjs/${entry}`,
}));

/** All that is to be installed for it. */
const advice = new Map([
  ['BullMQ on Redis', 'bullmq ioredis'],
  ['BullMQ on PostgreSQL', 'bullmq pg'],
  ['migrateBullMq()', 'bullmq pg'],
]);

describe.each([
  { kind: 'an ES module', load: 'import' },
  { kind: 'CommonJS', load: 'require' },
] as const)('in $kind', ({ load }) => {
  it.each(uses)('$what without $needs names what to install', { timeout: 60_000 }, async (use) => {
    const { what, has, needs, program } = use;

    const { code, message } = await run(load, has, program);

    expect(code).toBe('MISSING_PACKAGE');
    expect(message).toBe(
      `${what} needs ${needs[0]}, which is not installed. ` +
        `Install what it needs: npm i ${advice.get(what) ?? needs.join(' ')}.`,
    );
  });

  it.each(uses)('$what with $has runs once $needs is installed', { timeout: 60_000 }, async (use) => {
    const { has, needs, program } = use;

    // The servers do not exist: the application starts all the same, and a migration fails with the network's error.
    const { code } = await run(load, [...has, ...needs], program);

    expect(code).toBe(program === migrates() ? 'ECONNREFUSED' : undefined);
  });

  it.each(ofNest)('nestjs-background-tasks/$entry without $needs names it', async ({ entry, needs }) => {
    const { code, message } = await run(load, [], imports(entry));

    expect(code).toBe('ERR_MODULE_NOT_FOUND');
    expect(message).toMatch(new RegExp(`^Cannot find package '${needs}' imported from .*/${entry}/`));
  });

  it.each(ofNest)('nestjs-background-tasks/$entry needs only $needs', async ({ entry, needs }) => {
    expect(await run(load, [needs], imports(entry))).toEqual({});
  });

  it.each(['', '/testing', '/backend', '/inspector'])('nestjs-background-tasks%s needs none of them', async (entry) => {
    expect(await run(load, [], imports(entry.slice(1)))).toEqual({});
  });
});

/** Runs a program in an application that has only these of the optional packages. */
async function run(load: 'import' | 'require', has: readonly string[], program: string): Promise<Result> {
  const application = mkdtempSync(join(dirname(packed.consumer), 'application-'));
  const modules = join(application, 'node_modules');
  // A copy, because Node looks for packages where the files of a link really are.
  for (const part of ['package.json', 'dist']) {
    cpSync(join(packed.installed, part), join(modules, 'nestjs-background-tasks', part), { recursive: true });
  }
  for (const name of ['@nestjs/common', '@nestjs/core', '@nestjs/testing', 'reflect-metadata', 'rxjs', ...has]) {
    const link = join(modules, name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link, 'dir');
  }
  const file = join(application, load === 'import' ? 'main.mjs' : 'main.cjs');
  const loads = load === 'import' ? 'const load = (name) => import(name);' : 'const load = require;';
  writeFileSync(
    file,
    `${loads}
    async function main() {
      await load('reflect-metadata');
      ${program}
    }
    const show = ({ code, message }) => console.log(JSON.stringify({ code, message }));
    main().then(() => console.log('{}'), show);`,
  );
  const { stdout } = await node(application, file);
  rmSync(application, { recursive: true });
  return JSON.parse(stdout) as Result;
}

function imports(entry: string): string {
  return `await load(${JSON.stringify(join('nestjs-background-tasks', entry))});`;
}

function startsQueue(options: string): string {
  return `
    const { NestFactory } = await load('@nestjs/core');
    const { BackgroundTasksModule } = await load('nestjs-background-tasks');
    const { BullMqBackgroundTasksModule } = await load('nestjs-background-tasks/bullmq');
    class AppModule {}
    const imports = [BackgroundTasksModule.forRoot(), BullMqBackgroundTasksModule.forRoot(${options})];
    const settings = { logger: false, abortOnError: false };
    const app = await NestFactory.createApplicationContext({ module: AppModule, imports }, settings);
    await app.close();`;
}

function migrates(): string {
  return `
    const { migrateBullMq } = await load('nestjs-background-tasks/bullmq');
    await migrateBullMq('postgresql://127.0.0.1:1/none');`;
}

interface Use {
  readonly what: string;
  /** Those of the optional packages that are installed. */
  readonly has: readonly string[];
  /** Those that are missing. */
  readonly needs: readonly string[];
  readonly program: string;
}

interface Result {
  readonly code?: string;
  readonly message?: string;
}
