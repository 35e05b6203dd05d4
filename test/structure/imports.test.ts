import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Arrow, circlesIn, importsOf, readSourceGraph } from './source-graph.js';

const { files, inside, outside, broken } = readSourceGraph(join(import.meta.dirname, '../../src'));

/** The rooms by layer: a file imports its own layer or lower ones. A room is a folder, or a file at the top. */
const layers = [
  ['contracts', 'errors', 'nest'],
  ['options', 'tasks'],
  ['disposal', 'execution'],
  ['http', 'scope', 'shutdown'],
  ['background-tasks.module-definition.ts', 'background-tasks.module.ts'],
  ['index.ts'],
];

/** Entry points of their own, by the highest layer that each may use; nothing uses them. */
const sideRooms = new Map([
  ['backend', 2],
  ['bullmq', 3],
  ['opentelemetry', 1],
  ['testing', 4],
  ['worker-threads', 3],
]);

/** The only room that may know how Nest is made inside. */
const INTERNALS = 'nest/';

describe('the direction of imports', () => {
  it('knows the room of every file', () => {
    const strangers = files.filter(({ path }) => layerOf(path) === undefined);

    expect(strangers).toEqual([]);
  });

  it('leads to files that exist', () => {
    expect(broken).toEqual([]);
  });

  it('runs down or level, never up', () => {
    const up = inside.filter(({ from, to }) => layerOf(to)! > layerOf(from)!);

    expect(up.map(show)).toEqual([]);
  });

  it('never enters a side room from outside, not even from another side room', () => {
    const sideways = inside.filter(({ from, to }) => sideRooms.has(roomOf(to)) && roomOf(to) !== roomOf(from));

    expect(sideways.map(show)).toEqual([]);
  });

  it('has no circle of files, but for types within a room', () => {
    const values = inside.filter(({ isType }) => !isType);

    expect(circlesIn(values).map((circle) => circle.join(' → '))).toEqual([]);
  });

  it('has no circle of rooms, type-only imports included', () => {
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

  it('reaches into Nest in one room only', () => {
    const reaching = outside.filter(({ from, to }) => /^@nestjs\/[^/]+\//.test(to) && !from.startsWith(INTERNALS));

    expect(reaching.map(show)).toEqual([]);
  });

  it('needs only Nest, rxjs and Node, and in a side room its own peer', () => {
    const allowed = /^(@standard-schema\/spec|@nestjs\/(common|core)(\/.+)?|rxjs|node:.+)$/;
    const others = outside.filter(({ to }) => !allowed.test(to)).map(({ from, to }) => `${roomOf(from)} → ${to}`);

    expect([...new Set(others)].toSorted()).toEqual([
      'bullmq → bullmq',
      'bullmq → ioredis',
      'bullmq → pg',
      'opentelemetry → @opentelemetry/api',
      'worker-threads → piscina',
    ]);
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
      export * from './e.js'; export type { F } from './f.js';
      const g = await import('./g.js'); type H = import('./h.js').H; // import './not.js'
    `;

    const names = importsOf('x.ts', text).map(({ name }) => name);
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => `./${name}.js`));
  });

  it('tells imports of types from imports of values', () => {
    const text = `
      import type { A } from './type.js'; import { type B, type C } from './type.js'; import type D from './type.js';
      export type { E } from './type.js'; export { type F } from './type.js'; type G = import('./type.js').G;
      import { type H, i } from './value.js'; import J, { type K } from './value.js'; import './value.js';
      import * as l from './value.js'; export * from './value.js'; export { m } from './value.js';
      const n = await import('./value.js'); import {} from './value.js';
    `;

    expect(importsOf('x.ts', text).filter(({ name, isType }) => isType !== name.includes('type'))).toEqual([]);
  });

  it('finds a circle, and where it begins', () => {
    const arrows = ['a b', 'b c', 'c d', 'd b', 'a d'].map((pair) => ({ from: pair[0]!, to: pair[2]! }));

    expect(circlesIn(arrows)).toEqual([['b', 'c', 'd', 'b']]);
  });
});

function roomOf(path: string): string {
  return path.split('/')[0]!;
}

function layerOf(path: string): number | undefined {
  const room = roomOf(path);
  const side = sideRooms.get(room);
  if (side !== undefined) return side;
  const index = layers.findIndex((rooms) => rooms.includes(room));
  return index === -1 ? undefined : index + 1;
}

function show({ from, to }: Pick<Arrow, 'from' | 'to'>): string {
  return `${from} → ${to}`;
}
