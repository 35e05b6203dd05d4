import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { TaskScopes } from '../../src/index.js';
import { inThread, startThreads, ThreadWatch } from '../support/threads.js';

const MAX_BYTES = 1_000_000;

const refused: readonly { readonly what: string; readonly value: unknown; readonly code: string }[] = [
  { what: 'a function', value: () => 'canary', code: 'THREAD_VALUE_NOT_CLONEABLE' },
  { what: 'a socket', value: new Socket(), code: 'THREAD_VALUE_NOT_CLONEABLE' },
  { what: 'a symbol', value: Symbol('canary'), code: 'THREAD_VALUE_NOT_CLONEABLE' },
  { what: 'a promise', value: Promise.resolve('canary'), code: 'THREAD_VALUE_NOT_CLONEABLE' },
  { what: 'shared memory', value: new SharedArrayBuffer(8), code: 'THREAD_VALUE_NOT_CLONEABLE' },
  { what: 'a function deep inside', value: { a: [{ canary: () => undefined }] }, code: 'THREAD_VALUE_NOT_CLONEABLE' },
  { what: 'a getter that throws', value: throwingGetter(), code: 'THREAD_VALUE_NOT_CLONEABLE' },
  { what: '16 MB of bytes', value: Buffer.alloc(16_000_000), code: 'THREAD_ARGUMENTS_TOO_LARGE' },
  { what: 'too much text', value: 'canary'.repeat(MAX_BYTES), code: 'THREAD_ARGUMENTS_TOO_LARGE' },
  {
    what: 'bytes that are too many together',
    value: [Buffer.alloc(600_000), Buffer.alloc(600_000)],
    code: 'THREAD_ARGUMENTS_TOO_LARGE',
  },
  {
    what: 'an ArrayBuffer that is too large',
    value: new ArrayBuffer(MAX_BYTES + 1),
    code: 'THREAD_ARGUMENTS_TOO_LARGE',
  },
];

describe('B37 an argument that cannot go to a thread', () => {
  it.each(refused)('is refused by the call, before there is a thread: $what', async ({ value, code }) => {
    await startThreads({ maxArgumentBytes: MAX_BYTES });
    const watch = new ThreadWatch();

    const call = inThread('echo')('fine', value);

    await expect(call).rejects.toMatchObject({ code, message: expect.stringContaining('"echo"') as string });
    await expect(call).rejects.not.toThrow('canary');
    expect(watch.alive).toBe(0);
  });

  it.each(refused)('is refused by addTask, where it is added: $what', async ({ value, code }) => {
    const { app } = await startThreads({ maxArgumentBytes: MAX_BYTES });

    await app.get(TaskScopes).run(({ tasks }) => {
      expect(() => tasks.addTask(inThread('echo'), 'fine', value)).toThrow(expect.objectContaining({ code }));
      expect(() => tasks.addTask(pictures, 'echo', 'fine', value)).toThrow(expect.objectContaining({ code }));
      expect(tasks.pending).toEqual([]);
    });
  });

  it('is refused although the call would have to wait', async () => {
    await startThreads({ maxRunning: 1, maxArgumentBytes: MAX_BYTES });
    const busy = inThread('busy')(50);

    await expect(inThread('echo')(Buffer.alloc(MAX_BYTES))).rejects.toMatchObject({
      code: 'THREAD_ARGUMENTS_TOO_LARGE',
    });
    expect(await busy).toBe(50);
  });

  it('says which one it is', async () => {
    await startThreads();

    await expect(inThread('echo')(1, 2, refused[0]!.value)).rejects.toThrow(/^Argument 3 of thread function "echo"/);
  });

  it('takes what is just within the limit', async () => {
    await startThreads({ maxArgumentBytes: MAX_BYTES });

    expect(await inThread('isBuffer')(Buffer.alloc(MAX_BYTES - 100))).toBe(true);
  });
});

const pictures = { echo: inThread('echo') };

function throwingGetter(): object {
  return {
    get secret() {
      throw new Error('canary');
    },
  };
}
