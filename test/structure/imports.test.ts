import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Arrow, circlesIn, importsOf, readSourceGraph } from './source-graph.js';

const { files, inside, outside, broken } = readSourceGraph(join(import.meta.dirname, '../../src'));

/** The rooms in order: a file imports its own room or an earlier one. A room is a folder, or a file at the top. */
const rooms = [
  'contracts',
  'errors',
  'nest',
  'options',
  'tasks',
  'observation',
  'execution',
  'disposal',
  'scope',
  'named',
  'handlers',
  'http',
  'shutdown',
  'background-tasks.module-definition.ts',
  'background-tasks.module.ts',
  'index.ts',
];

/** Entry points of their own, each with the last room that it may use; nothing uses them. */
const sideRooms = new Map([
  ['backend', 'named'],
  ['bullmq', 'named'],
  ['graphql', 'shutdown'],
  ['inspector', 'shutdown'],
  ['microservices', 'shutdown'],
  ['opentelemetry', 'errors'],
  ['prometheus', 'shutdown'],
  ['terminus', 'shutdown'],
  ['schematics', 'contracts'],
  ['testing', 'named'],
  ['websockets', 'shutdown'],
  ['worker-threads', 'execution'],
]);

describe('the direction of imports', () => {
  it('knows the room of every file', () => {
    const strangers = files.filter(({ path }) => orderOf(path) === undefined);

    expect(strangers).toEqual([]);
  });

  it('leads to files that exist', () => {
    expect(broken).toEqual([]);
  });

  it('leads to the same room or an earlier one', () => {
    const later = inside.filter(({ from, to }) => orderOf(to)! > orderOf(from)!);

    expect(later.map(show)).toEqual([]);
  });

  it('never enters a side room from outside, not even from another side room', () => {
    const sideways = inside.filter(({ from, to }) => sideRooms.has(roomOf(to)) && roomOf(to) !== roomOf(from));

    expect(sideways.map(show)).toEqual([]);
  });

  it('has no circle of files, but for types within a room', () => {
    const arrows = inside.filter(({ from, to, isTypeOnly }) => !isTypeOnly || roomOf(from) !== roomOf(to));

    expect(circlesIn(arrows).map((circle) => circle.join(' → '))).toEqual([]);
  });

  it('has no circle of rooms', () => {
    const betweenRooms = inside
      .map(({ from, to }) => ({ from: roomOf(from), to: roomOf(to) }))
      .filter(({ from, to }) => from !== to);

    expect(circlesIn(betweenRooms).map((circle) => circle.join(' → '))).toEqual([]);
  });

  it('never leads to an index', () => {
    expect(inside.filter(({ to }) => /(^|\/)index\.ts$/.test(to)).map(show)).toEqual([]);
  });

  it.each([
    { room: 'contracts', mayImport: [] },
    { room: 'nest', mayImport: ['errors'] },
  ])('leads from $room to $mayImport and nothing else of ours', ({ room, mayImport }) => {
    const arrows = inside.filter(({ from, to }) => roomOf(from) === room && ![room, ...mayImport].includes(roomOf(to)));

    expect(arrows.map(show)).toEqual([]);
  });

  it('reaches into Nest in one room, and in one file of a side room', () => {
    // What knows how Nest is made inside.
    const internals = /^nest\/|\/nest-[^/]+$/;
    const reaching = outside.filter(({ from, to }) => /^@nestjs\/[^/]+\//.test(to) && !internals.test(from));

    expect(reaching.map(show)).toEqual([]);
  });

  it('needs only Nest, rxjs and Node, and in a side room its own peer', () => {
    const allowed = /^(@standard-schema\/spec|@nestjs\/(common|core)(\/.+)?|rxjs|node:.+)$/;
    const others = outside.filter(({ to }) => !allowed.test(to)).map(({ from, to }) => `${roomOf(from)} → ${to}`);

    expect([...new Set(others)].toSorted()).toEqual([
      'bullmq → bullmq',
      'bullmq → ioredis',
      'bullmq → pg',
      'graphql → @nestjs/graphql',
      'graphql → @nestjs/graphql/dist/services/resolvers-explorer.service.js',
      'microservices → @nestjs/microservices',
      'microservices → @nestjs/microservices/context/request-context-host.js',
      'microservices → @nestjs/microservices/context/rpc-context-creator.js',
      'microservices → @nestjs/microservices/exceptions/rpc-exceptions-handler.js',
      'microservices → @nestjs/microservices/listeners-controller.js',
      'opentelemetry → @opentelemetry/api',
      'prometheus → prom-client',
      'terminus → @nestjs/terminus',
      'websockets → @nestjs/websockets/context/ws-context-creator.js',
      'websockets → @nestjs/websockets/exceptions/ws-exceptions-handler.js',
      'websockets → @nestjs/websockets/web-sockets-controller.js',
      'worker-threads → piscina',
    ]);
  });
});

describe('the class of a value that other code made', () => {
  /** Where the value is ours or Nest's, or what is around it catches. */
  const exceptions = [
    'bullmq/worker/job-failure.ts',
    'errors/safely.ts',
    'execution/task-queue.ts',
    'nest/injector.ts',
    'shutdown/http-connections.ts',
    'worker-threads/packed-error.js',
    'worker-threads/thread-task.ts',
  ];

  it('is asked for through isInstance() or isPromise(), because a proxy may throw at instanceof', () => {
    const bare = files.filter(({ path }) => {
      const text = readFileSync(join(import.meta.dirname, '../../src', path), 'utf8');
      return / instanceof /.test(text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, ''));
    });

    expect(bare.map(({ path }) => path).sort()).toEqual(exceptions);
  });
});

describe('the size of files', () => {
  it('has no file over 250 lines', () => {
    expect(files.filter(({ lines }) => lines > 250)).toEqual([]);
  });

  it('has a median of at most 60 lines', () => {
    const sorted = files.map(({ lines }) => lines).sort((a, b) => a - b);

    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(60);
  });
});

describe('the walker itself', () => {
  it('sees every way to name a module', () => {
    const text = `
      import a from './a.js'; import type { B } from './b.js'; import { type C } from './c.js'; import './d.js';
      export * from './e.js'; export type { F } from './f.js'; import { type X, Y } from './y.js';
      const g = await import('./g.js'); type H = import('./h.js').H; // import './not.js'
      const i = createRequire(import.meta.url)('./i.js'); const j = requirePackage('entry', './j.js');
    `;
    const found = importsOf('x.ts', text);

    expect(found.map(({ name }) => name)).toEqual(
      ['a', 'b', 'c', 'd', 'e', 'f', 'y', 'g', 'h', 'i', 'j'].map((n) => `./${n}.js`),
    );
    expect(found.filter(({ isTypeOnly }) => isTypeOnly).map(({ name }) => name[2])).toEqual(['b', 'c', 'f', 'h']);
  });

  it('finds a circle, and where it begins', () => {
    const arrows = ['a b', 'b c', 'c d', 'd b', 'a d'].map((pair) => ({ from: pair[0]!, to: pair[2]! }));

    expect(circlesIn(arrows)).toEqual([['b', 'c', 'd', 'b']]);
  });
});

function roomOf(path: string): string {
  return path.split('/')[0]!;
}

function orderOf(path: string): number | undefined {
  const room = roomOf(path);
  const index = rooms.indexOf(sideRooms.get(room) ?? room);
  return index === -1 ? undefined : index;
}

function show({ from, to }: Arrow): string {
  return `${from} → ${to}`;
}
