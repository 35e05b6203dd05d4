import { describe, expect, it } from 'vitest';
import { RecordedLogs } from '../support/recorded-logs.js';
import { functions, inThread, startThreads } from '../support/threads.js';
import { threadTask } from '../../src/worker-threads/index.js';

describe('B35 a thread function', () => {
  it('resolves with what the exported function returns, from another thread', async () => {
    await startThreads();

    expect(await inThread('add')(1, 2)).toBe(3);
    expect(await inThread('square')(7)).toBe(49);
    expect(await inThread('whereAmI')()).toBeGreaterThan(0);
  });

  it('carries the name of the export', () => {
    expect(inThread('add').name).toBe('add');
  });

  it('is called with copies in which a Buffer is a Buffer', async () => {
    await startThreads();
    const bytes = Buffer.from('hello');
    const values = [bytes, new Uint8Array([1, 2]), new Map([['a', new Date(0)]]), undefined, 5n, { nested: [null] }];

    expect(await inThread('echo')(...values)).toEqual(values);
    expect(await inThread('isBuffer')(bytes)).toBe(true);
    expect(bytes.toString()).toBe('hello');
  });

  it('runs an export that has the name of an inherited member, if it is the own one of the module', async () => {
    await startThreads();

    expect(await inThread('toString')(1, 2)).toBe(3);
  });

  it('uses one thread for calls that follow each other', async () => {
    await startThreads({ maxRunning: 4 });
    const ids = new Set<unknown>();

    for (let call = 0; call < 5; call++) ids.add(await inThread('whereAmI')());

    expect(ids.size).toBe(1);
  });

  it('works without the module and without an application', async () => {
    expect(await inThread('add')(1, 2)).toBe(3);
  });
});

describe('B36 an error that the function throws', () => {
  it('passes with its name, message, stack, cause and members', async () => {
    await startThreads();

    const thrown: unknown = await inThread('throwsOwnError')().catch((error: unknown) => error);

    expect(thrown).toBeInstanceOf(TypeError);
    expect(thrown).toMatchObject({
      name: 'PaperError',
      message: 'out of paper',
      code: 'OUT_OF_PAPER',
      details: { tray: 2 },
      cause: { message: 'the tray is empty', cause: 'a jam' },
      stack: expect.stringContaining('functions.mjs') as string,
    });
    expect(thrown).not.toHaveProperty('retry');
  });

  it.each([{ value: 'out of paper' }, { value: null }, { value: undefined }, { value: { code: 1 } }])(
    'passes as it is when it is no error: $value',
    async ({ value }) => {
      await startThreads();

      await expect(inThread('throwsValue')(value)).rejects.toStrictEqual(value);
    },
  );

  it('is an error all the same when it cannot be copied', async () => {
    await startThreads();

    await expect(inThread('throwsFunction')()).rejects.toThrow('What was thrown (function) cannot be copied');
  });
});

describe('B36 a value that throws where it is looked at', () => {
  it.each([
    ['revoked', { message: 'What was thrown (object) cannot be copied to another thread.' }],
    ['proxy', { message: 'What was thrown (object) cannot be copied to another thread.' }],
    ['getter', { name: 'Error', message: 'out of paper' }],
    ['stack', { name: 'Error', message: 'out of paper' }],
    ['cause', { name: 'Error', message: 'out of paper' }],
    ['message', { name: 'Error' }],
    ['once', { message: 'out of paper', details: { tray: 2 } }],
    ['then', { message: 'What was thrown (object) cannot be copied to another thread.' }],
  ])('arrives as an error, with what can be read, when it is thrown: %s', async (kind, error) => {
    const { logs } = await startThreads();

    await expect(inThread('throwsHostile')(kind)).rejects.toMatchObject(error);
    expect(await inThread('add')(1, 2)).toBe(3);
    expect(logs).toEqual(new RecordedLogs());
  });

  it.each([
    ['revoked', 'TypeError'],
    ['proxy', 'RangeError'],
    ['then', 'RangeError'],
    ['thenable', 'RangeError'],
    ['members', 'ThreadValueNotCloneableError'],
  ])('fails the call when it is returned, and no other: %s', async (kind, name) => {
    const { logs } = await startThreads();

    await expect(inThread('returnsHostile')(kind)).rejects.toMatchObject({ name });
    expect(await inThread('add')(1, 2)).toBe(3);
    expect(logs).toEqual(new RecordedLogs());
  });
});

describe('B35 an export name', () => {
  it.each([
    'constructor',
    '__proto__',
    'toLocaleString',
    'hasOwnProperty',
    'then',
    'default',
    'notAFunction',
    'missing',
    ' add',
  ])('is refused where the module has no function of its own by it: %s', async (name) => {
    await startThreads();

    await expect(threadTask(functions, name)()).rejects.toMatchObject({
      code: 'UNKNOWN_THREAD_EXPORT',
      message: expect.stringContaining('there are add, ') as string,
    });
  });

  it.each([undefined, null, '', 5, Symbol('add'), ['add'], { toString: () => 'add' }])(
    'is refused at once where it is none: %o',
    (name) => {
      expect(() => threadTask(functions, name as string)).toThrow(
        expect.objectContaining({ code: 'UNKNOWN_THREAD_EXPORT' }),
      );
    },
  );
});

describe('B35 the module of a thread function', () => {
  it.each(['./fixtures/missing.mjs', './fixtures/broken.mjs'])(
    'is named when it cannot be loaded: %s',
    async (path) => {
      await startThreads();
      const module = new URL(path, import.meta.url);

      await expect(threadTask(module, 'add')()).rejects.toMatchObject({
        code: 'THREAD_MODULE_NOT_LOADED',
        message: expect.stringContaining(module.href) as string,
        cause: expect.any(Error) as Error,
      });
    },
  );

  it.each([undefined, './functions.mjs', functions.href, new URL('data:text/javascript,export const add = 1'), {}])(
    'is refused at once unless it is the URL of a file: %o',
    (module) => {
      expect(() => threadTask(module as URL, 'add')).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    },
  );
});

describe('B36 a result that cannot be copied', () => {
  it('is refused by name, and does no harm', async () => {
    const { logs } = await startThreads();

    await expect(inThread('returnsFunction')()).rejects.toMatchObject({
      code: 'THREAD_VALUE_NOT_CLONEABLE',
      message: expect.stringMatching(
        /^The result of thread function "returnsFunction".*received a function\./,
      ) as string,
    });
    expect(await inThread('add')(1, 2)).toBe(3);
    expect(logs).toEqual(new RecordedLogs());
  });
});
