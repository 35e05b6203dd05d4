import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawings, pages } from '../docs/snippets.js';
import { type Arrow, readSourceGraph } from '../structure/source-graph.js';
import { node, type PackedPackage, packPackage, root } from './packed-package.js';

let packed: PackedPackage;
let manifest: Manifest;
beforeAll(async () => {
  packed = await packPackage();
  manifest = JSON.parse(readFileSync(join(packed.installed, 'package.json'), 'utf8')) as Manifest;
}, 120_000);
afterAll(() => packed.remove());

describe('the tarball', () => {
  it('holds the build, the manifest and the documentation', () => {
    const others = packed.files.filter((path) => !/^dist\/.+\.(js|d\.ts)$/.test(path));

    expect(others.toSorted()).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        ...pages,
        ...drawings,
        'dist/inspector/page.css',
        'package.json',
        'schematics.json',
      ].toSorted(),
    );
  });

  it('holds what each source file became, and nothing older', () => {
    const { files } = readSourceGraph(join(root, 'src'));
    const expected = files.flatMap(({ path }) => [path.replace(/\.ts$/, '.js'), path.replace(/\.[jt]s$/, '.d.ts')]);

    expect(builtFiles()).toEqual(
      [...expected, 'inspector/page.css', 'inspector/page.js'].map((path) => `dist/${path}`).toSorted(),
    );
  });

  it('holds every file that its manifest names', () => {
    const targets = [
      manifest.main,
      manifest.types,
      ...Object.values(manifest.bin),
      ...Object.values(manifest.exports).flatMap((target) =>
        typeof target === 'string' ? [target] : [target.types, target.default],
      ),
    ];

    expect(targets.length).toBeGreaterThanOrEqual(12);
    expect(targets.filter((target) => !existsSync(join(packed.installed, target)))).toEqual([]);
  });

  it('is what publint would have it', async () => {
    const { messages } = await publint({ pkgDir: packed.installed, pack: false, strict: true });

    expect(messages.map((message) => formatMessage(message, manifest, { color: false }))).toEqual([]);
  });

  it('has types that resolve as the code does', { timeout: 120_000 }, async () => {
    const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');

    // It fails where anything but the ignored rule is broken: CommonJS loads the one build, which is ESM.
    const { stdout } = await node(
      root,
      attw,
      packed.tarball,
      '--ignore-rules',
      'cjs-resolves-to-esm',
      '--format',
      'ascii',
      '--no-color',
    );

    expect(stdout.match(/node10: 🟢/g)).toHaveLength(13);
    expect(stdout.match(/node16 \(from ESM\): 🟢 \(ESM\)/g)).toHaveLength(12);
    expect(stdout.match(/bundler: 🟢/g)).toHaveLength(13);
  });
});

describe('the dependencies of an entry point', () => {
  const peers = /^(@nestjs\/(common|core)(\/.+)?|rxjs|reflect-metadata|node:.+)$/;

  it.each(['index', 'testing/index'])('of %s are Nest, rxjs and Node, in its code and in its types', (entry) => {
    const graph = readSourceGraph(join(packed.installed, 'dist'));
    const reached = reachedFrom([`${entry}.js`, `${entry}.d.ts`], graph.inside);

    const needed = graph.outside.filter(({ from }) => reached.has(from)).map(({ to }) => to);

    expect(graph.broken).toEqual([]);
    expect(needed).toContain('@nestjs/common');
    expect(needed.filter((name) => !peers.test(name))).toEqual([]);
  });

  it.each([
    ['backend', []],
    ['inspector', []],
    ['worker-threads', ['piscina']],
    ['bullmq', ['bullmq', 'ioredis', 'pg']],
    ['opentelemetry', ['@opentelemetry/api']],
    ['graphql', ['@nestjs/graphql', '@nestjs/graphql/dist/services/resolvers-explorer.service.js']],
    ['prometheus', ['prom-client']],
    ['terminus', ['@nestjs/terminus']],
    [
      'microservices',
      [
        '@nestjs/microservices',
        '@nestjs/microservices/context/request-context-host.js',
        '@nestjs/microservices/context/rpc-context-creator.js',
        '@nestjs/microservices/exceptions/rpc-exceptions-handler.js',
        '@nestjs/microservices/listeners-controller.js',
      ],
    ],
    [
      'websockets',
      [
        '@nestjs/websockets/context/ws-context-creator.js',
        '@nestjs/websockets/exceptions/ws-exceptions-handler.js',
        '@nestjs/websockets/web-sockets-controller.js',
      ],
    ],
  ])('of %s/index are %j as well', (entry, own) => {
    const graph = readSourceGraph(join(packed.installed, 'dist'));
    const reached = reachedFrom([`${entry}/index.js`, `${entry}/index.d.ts`], graph.inside);

    const needed = graph.outside.filter(({ from }) => reached.has(from)).map(({ to }) => to);

    expect([...new Set(needed.filter((name) => !peers.test(name)))].toSorted()).toEqual(own);
  });

  it('are named as peers, and only types are brought along', () => {
    expect(Object.keys(manifest.peerDependencies).toSorted()).toEqual([
      '@nestjs/common',
      '@nestjs/core',
      '@nestjs/graphql',
      '@nestjs/microservices',
      '@nestjs/terminus',
      '@nestjs/websockets',
      '@opentelemetry/api',
      'bullmq',
      'ioredis',
      'pg',
      'piscina',
      'prom-client',
      'reflect-metadata',
      'rxjs',
    ]);
    expect(manifest.peerDependenciesMeta).toEqual({
      '@nestjs/graphql': { optional: true },
      '@nestjs/microservices': { optional: true },
      '@nestjs/terminus': { optional: true },
      '@nestjs/websockets': { optional: true },
      '@opentelemetry/api': { optional: true },
      bullmq: { optional: true },
      ioredis: { optional: true },
      pg: { optional: true },
      piscina: { optional: true },
      'prom-client': { optional: true },
    });
    expect(manifest.dependencies).toEqual({ '@standard-schema/spec': '^1.1.0' });
  });
});

function builtFiles(): string[] {
  return packed.files.filter((path) => path.startsWith('dist/')).toSorted();
}

function reachedFrom(entries: readonly string[], arrows: readonly Arrow[]): Set<string> {
  const reached = new Set(entries);
  // A set hands out what is added while it is walked.
  for (const from of reached) for (const arrow of arrows) if (arrow.from === from) reached.add(arrow.to);
  return reached;
}

interface Manifest {
  readonly main: string;
  readonly types: string;
  readonly bin: Record<string, string>;
  readonly exports: Record<string, string | { readonly types: string; readonly default: string }>;
  readonly peerDependencies: Record<string, string>;
  readonly peerDependenciesMeta: Record<string, { readonly optional: boolean }>;
  readonly dependencies?: Record<string, string>;
}
