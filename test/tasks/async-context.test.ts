import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { currentTask } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';

const storage = new AsyncLocalStorage<string>();

describe('B17 AsyncLocalStorage in a task', () => {
  it('is what it was where the task was added, not where its unit of work began', async () => {
    const { run } = await startContext();
    const seen: unknown[] = [];
    await storage.run('outer', () =>
      run((tasks) => {
        storage.run('first', () => tasks.addTask(() => seen.push(storage.getStore())));
        storage.run('second', () => tasks.with({ name: 'named' }).addTask(() => seen.push(storage.getStore())));
        tasks.addTask({ look: () => seen.push(storage.getStore()) }, 'look');
        storage.exit(() => tasks.addTask(() => seen.push(storage.getStore())));
      }),
    );
    expect(seen).toEqual(['first', 'second', 'outer', undefined]);
  });

  it('is the same after an await, in a timer, and in the then() of a lazy thenable', async () => {
    const { run } = await startContext();
    const seen: unknown[] = [];
    await run((tasks) =>
      storage.run('added', () => {
        tasks.addTask(async () => {
          await Promise.resolve();
          seen.push(storage.getStore());
          await new Promise<void>((resolve) => setImmediate(resolve));
          seen.push(storage.getStore());
        });
        tasks.addTask(() => ({
          then(fulfil: () => void) {
            seen.push(storage.getStore());
            fulfil();
          },
        }));
      }),
    );
    expect(seen).toEqual(['added', 'added', 'added']);
  });

  it('is the same in a listener of its abort signal, whatever started the task', async () => {
    const { run } = await startContext({ options: { timeoutMs: 5 } });
    const seen: unknown[] = [];
    await storage.run('elsewhere', () =>
      run((tasks) => {
        storage.run('added', () =>
          tasks.addTask(() => {
            currentTask().signal.addEventListener('abort', () => seen.push(storage.getStore()));
            return new Promise(() => undefined);
          }),
        );
      }),
    );
    expect(seen).toEqual(['added']);
  });

  it('is the same in every attempt', async () => {
    const { run } = await startContext({ options: { retry: { attempts: 3, delayMs: 0 } } });
    const seen: unknown[] = [];
    await run((tasks) =>
      storage.run('added', () =>
        tasks.addTask(async () => {
          seen.push(storage.getStore());
          if (seen.length < 3) throw new Error('again');
        }),
      ),
    );
    expect(seen).toEqual(['added', 'added', 'added']);
  });

  it('is its own when another request gives it the slot it waited for', async () => {
    const { run } = await startContext({ options: { maxRunning: 1 } });
    const [started, gate] = [deferred(), deferred()];
    const seen: unknown[] = [];
    const first = run((tasks) =>
      storage.run('first', () =>
        tasks.addTask(() => {
          started.resolve();
          return gate.promise;
        }),
      ),
    );
    await started.promise;
    const second = run((tasks) => storage.run('second', () => tasks.addTask(() => seen.push(storage.getStore()))));
    await run(() => undefined);
    storage.run('whoever ends it', () => gate.resolve());
    await Promise.all([first, second]);
    expect(seen).toEqual(['second']);
  });

  it('in a task that a task added is what the adding task had set', async () => {
    const { run } = await startContext();
    const seen: unknown[] = [];
    await run((tasks) =>
      storage.run('outer', () =>
        tasks.addTask(() => {
          tasks.addTask(() => seen.push(storage.getStore()));
          storage.run('inner', () => tasks.addTask(() => seen.push(storage.getStore())));
        }),
      ),
    );
    expect(seen).toEqual(['outer', 'inner']);
  });

  it('that a task enters does not reach the next task', async () => {
    const { run } = await startContext();
    const seen: unknown[] = [];
    await run((tasks) => {
      tasks.addTask(() => storage.enterWith('left behind'));
      tasks.addTask(() => seen.push(storage.getStore()));
    });
    expect(seen).toEqual([undefined]);
    expect(storage.getStore()).toBeUndefined();
  });
});
