import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { defineTask, TaskHandler, TaskScopes } from '../../src/index.js';
import { startContext } from '../support/start-context.js';

const received: unknown[] = [];
const Echo = defineTask<unknown>({ name: 'echo' });

@TaskHandler(Echo)
class EchoHandler {
  run(payload: unknown): void {
    received.push(payload);
  }
}

async function startEcho(maxPayloadBytes?: number) {
  const options = maxPayloadBytes === undefined ? {} : { maxPayloadBytes };
  const { app } = await startContext({ providers: [EchoHandler], options });
  const scopes = app.get(TaskScopes);
  return (payload: unknown): Promise<unknown> => {
    received.length = 0;
    return scopes.run(({ tasks }) => void tasks.enqueue(Echo, payload)).then(() => received[0]);
  };
}

class Money {
  constructor(readonly cents = 5) {}
}

function cycle(): unknown {
  const list: unknown[] = [];
  list.push({ list });
  return list;
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = { inner: value };
  return value;
}

const refused: [string, unknown, string][] = [
  ['a Date', { at: new Date() }, '$.at '],
  ['a Map', { lines: [new Map()] }, '$.lines[0] '],
  ['a Set', new Set([1]), '$ '],
  ['undefined', undefined, '$ '],
  ['undefined in an array', { list: [1, undefined] }, '$.list[1] '],
  ['a hole in an array', { list: Object.assign(Array<number>(3), { 0: 1, 2: 3 }) }, '$.list '],
  ['an array with a member of its own', Object.assign([1], { more: 1 }), '$ '],
  ['NaN', { price: NaN }, '$.price '],
  ['Infinity', { price: -Infinity }, '$.price '],
  ['-0', { price: -0 }, '$.price '],
  ['a BigInt', { id: 5n }, '$.id '],
  ['a symbol', { id: Symbol('id') }, '$.id '],
  ['a member whose key is a symbol', { [Symbol('id')]: 1 }, '$ '],
  ['a function', { call: () => 1 }, '$.call '],
  ['an instance of a class', { price: new Money() }, '$.price '],
  ['a Buffer', { bytes: Buffer.from('x') }, '$.bytes '],
  ['a boxed number', Object(1), '$ '],
  ['an object with toJSON', { toJSON: () => 1 }, '$.toJSON '],
  ['a cycle', cycle(), '$[0].list '],
  ['10,000 levels', nested(10_000), '.inner '],
  ['an own __proto__', JSON.parse('{"a":{"__proto__":{"isAdmin":true}}}'), '$.a.__proto__ '],
  ['constructor.prototype', JSON.parse('{"constructor":{"prototype":{"isAdmin":true}}}'), '$.constructor.prototype '],
  ['a lone surrogate', { name: 'a\ud800' }, '$.name '],
  ['a lone surrogate in a key', { 'a\ud800': 1 }, '$['],
  ['a NUL character', ['a\0'], '$[0] '],
];

describe('B28 the payload of a named task', () => {
  it.each(refused)('is refused where it is enqueued when it holds %s, with the path', async (_, payload, path) => {
    const send = await startEcho();
    await expect(send(payload)).rejects.toMatchObject({
      code: 'INVALID_PAYLOAD',
      message: expect.stringContaining(path) as string,
    });
    expect(received).toEqual([]);
  });

  it.each([
    ['null', null],
    ['text with any pair of surrogates', 'grüße 👋'],
    ['nested plain objects and arrays', { a: [{ b: null, c: [true, 1.5, 'x'] }] }],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 })],
    ['a member that is called constructor', { constructor: 'Ltd.' }],
    ['100 levels', nested(100)],
  ])('arrives as it was: %s', async (_, payload) => {
    const send = await startEcho();
    expect(await send(payload)).toEqual(payload);
  });

  it('leaves out members that are undefined, as JSON does', async () => {
    const send = await startEcho();
    expect(Object.keys((await send({ a: 1, note: undefined })) as object)).toEqual(['a']);
  });

  it('is a copy of what it was when it was enqueued', async () => {
    const { app } = await startContext({ providers: [EchoHandler] });
    received.length = 0;
    const payload = { list: [1] };
    await app.get(TaskScopes).run(({ tasks }) => {
      tasks.enqueue(Echo, payload);
      payload.list.push(2);
    });
    expect(received).toEqual([{ list: [1] }]);
  });

  it('takes 64 KiB of JSON and not a byte more, counted in bytes', async () => {
    const send = await startEcho();
    const fits = 'x'.repeat(65_536 - 2);
    expect(await send(fits)).toBe(fits);
    await expect(send(`${fits}x`)).rejects.toMatchObject({ code: 'INVALID_PAYLOAD', path: '$' });
    await expect(send('ü'.repeat(40_000))).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
  });

  it('takes as much as maxPayloadBytes says', async () => {
    const send = await startEcho(10);
    expect(await send('12345678')).toBe('12345678');
    await expect(send('123456789')).rejects.toMatchObject({
      message: expect.stringContaining('maxPayloadBytes is 10') as string,
    });
  });

  it('never says in its message what the payload holds', async () => {
    const send = await startEcho();
    await expect(send({ password: 'hunter2', at: new Date(0) })).rejects.toMatchObject({
      message: expect.not.stringMatching(/hunter2|1970/) as string,
    });
  });

  it('arrives unchanged or is refused, for 10,000 values of any kind', async () => {
    const send = await startEcho();
    const before = Object.getOwnPropertyNames(Object.prototype);
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
      withObjectString: true,
    });
    let changed = 0;
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(anything, fc.jsonValue()), async (value) => {
        const [sent] = await Promise.allSettled([send(value)]);
        if (sent.status === 'fulfilled') {
          accepted++;
          if (!isDeepStrictEqual(plain(sent.value), plain(value))) changed++;
        } else if ((sent.reason as { code?: unknown }).code !== 'INVALID_PAYLOAD') throw sent.reason;
      }),
      { numRuns: 10_000 },
    );
    expect({ changed, prototype: Object.getOwnPropertyNames(Object.prototype) }).toEqual({
      changed: 0,
      prototype: before,
    });
    expect(accepted).toBeGreaterThan(1_000);
  }, 120_000);
});

/** Without what JSON leaves out, and without telling apart objects that differ in their prototype only. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [key, plain(member)]),
  );
}
