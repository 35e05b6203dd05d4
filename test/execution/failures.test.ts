import { describe, expect, it, vi } from 'vitest';
import { hostileErrors, throwingProxy } from '../support/hostile-errors.js';
import { startContext } from '../support/start-context.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

const ways: readonly { readonly way: string; readonly fail: (error: unknown) => unknown }[] = [
  { way: 'throws', fail: raise },
  { way: 'rejects', fail: async (error) => raise(error) },
  {
    way: 'returns a thenable that rejects',
    fail: (error) => ({ then: (_: unknown, reject: (e: unknown) => void) => reject(error) }),
  },
  { way: 'returns a thenable that throws', fail: (error) => ({ then: () => raise(error) }) },
];

const positions = ['first', 'middle', 'last'] as const;

describe.each(hostileErrors)('B12 a task that fails with $what', ({ make }) => {
  describe.each(ways)('and $way', ({ fail }) => {
    it.each(positions)('as the %s costs one log line, and the others run', async (position) => {
      const rejections = new UnhandledRejections();
      const { run, host, logs } = await startContext();
      const error = make();
      const index = positions.indexOf(position);
      const ran: number[] = [];
      const tasks = await run((queue) =>
        positions.map((_, each) =>
          queue.addTask(() => {
            ran.push(each);
            return each === index ? fail(error) : undefined;
          }),
        ),
      );
      expect(ran).toEqual([0, 1, 2]);
      expect(tasks.map((task) => task.state)).toEqual(
        positions.map((each) => (each === position ? 'failed' : 'succeeded')),
      );
      expect(logs.errors).toHaveLength(1);
      expect(logs.errors[0]).toContain(`Task "anonymous" failed (id ${tasks[index]!.id}, attempt 1, `);
      expect(logs.errors[0]!.length).toBeLessThan(20_000);
      expect(logs.warnings).toEqual([]);
      const report = await tasks[index]!.settled;
      expect(Object.is(report.error, error)).toBe(true);
      expect(host.stats()).toMatchObject({ accepted: 3, succeeded: 2, failed: 1, waiting: 0, running: 0 });
      expect(await rejections.count()).toBe(0);
    });
  });
});

describe('B12 hostile tasks', () => {
  it.each<{ what: string; result: () => unknown }>([
    { what: 'a proxy that throws on everything', result: throwingProxy },
    {
      what: 'an object whose then getter throws',
      result: () => Object.defineProperty({}, 'then', { get: () => raise(1) }),
    },
    {
      what: 'a promise whose own then throws',
      result: () => Object.assign(Promise.resolve(), { then: () => raise(new Error('no then')) }),
    },
  ])('fail when they return $what, and the next runs', async ({ result }) => {
    const rejections = new UnhandledRejections();
    const { run, logs } = await startContext();
    const [hostile, next] = await run((tasks) => [tasks.addTask(result), tasks.addTask(() => undefined)] as const);
    expect(hostile.state).toBe('failed');
    expect(next.state).toBe('succeeded');
    expect(logs.errors).toHaveLength(1);
    expect(await rejections.count()).toBe(0);
  });

  it('settle once when a thenable calls back more than once', async () => {
    const { run, host, logs } = await startContext();
    await run((tasks) =>
      tasks.addTask(() => ({
        then(fulfil: () => void, reject: (error: unknown) => void) {
          fulfil();
          reject(new Error('too late'));
          throw new Error('far too late');
        },
      })),
    );
    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1, failed: 0 });
    expect(logs.errors).toEqual([]);
  });

  it('do not stop the queue when the logger throws', async () => {
    const { run, host, logs } = await startContext();
    vi.spyOn(logs, 'error').mockImplementation(() => raise(new Error('disk full')));
    vi.spyOn(logs, 'warn').mockImplementation(() => raise(new Error('disk full')));
    await run((tasks) => {
      tasks.with({ runOn: 'failure' }).addTask(() => undefined);
      tasks.addTask(() => raise(new Error('sync')));
      tasks.addTask(() => Promise.reject(new Error('async')));
      tasks.addTask(() => undefined);
    });
    expect(host.stats()).toMatchObject({ accepted: 4, discarded: 1, failed: 2, succeeded: 1 });
  });
});

function raise(error: unknown): never {
  throw error;
}
