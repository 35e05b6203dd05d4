import { describe, expect, it } from 'vitest';
import { defineTask, TaskHandler, TaskScopes, type TaskTracing } from '../../src/index.js';
import { hostileErrors } from '../support/hostile-errors.js';
import { hostileObjects, raise } from '../support/hostile-values.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { startContext } from '../support/start-context.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

const Work = defineTask<number>({ name: 'work' });
const ran: number[] = [];

@TaskHandler(Work)
class WorkHandler {
  run(payload: number): void {
    ran.push(payload);
  }
}

const sound: TaskTracing = {
  enqueue: (_, work) => work(),
  inject: () => ({ traceparent: '00-1' }),
  extract: (_, work) => work(),
  run: (_, work) => work(),
};

/** Enqueues two tasks on a backend, and has the first of them run. */
async function carry(tracing: TaskTracing) {
  ran.length = 0;
  const backend = new MemoryBackend();
  const { app, logs, host } = await startContext({
    imports: [memoryBackendModule(backend)],
    providers: [WorkHandler],
    options: { tracing },
  });
  await app.get(TaskScopes).run(({ tasks }) => {
    for (const payload of [1, 2]) tasks.enqueue(Work, payload);
  });
  const envelopes = backend.batches.flat().map(({ envelope }) => envelope);
  const attempt = { number: 1, progressed: () => undefined };
  const results = await Promise.all(envelopes.map((envelope) => backend.runner!.run(envelope, attempt)));
  return { envelopes, results, errors: logs.errors, stats: host.stats() };
}

/** What `inject()` may return that is no headers. */
const noHeaders: readonly { what: string; make: () => unknown }[] = [
  ...hostileObjects,
  { what: 'a number', make: () => 5 },
  { what: 'an array', make: () => ['00-1'] },
  { what: 'members that are no strings', make: () => ({ traceparent: 1 }) },
  { what: 'text that PostgreSQL cannot store', make: () => ({ traceparent: '\0' }) },
  { what: 'more than a payload may be', make: () => ({ traceparent: 'x'.repeat(70_000) }) },
  { what: 'a promise that rejects', make: () => Promise.reject(new Error('later')) },
];

describe('a tracing that is broken', () => {
  it('is not what one is that works', async () => {
    const { envelopes, errors } = await carry(sound);

    expect(envelopes.map(({ context }) => context)).toEqual([
      { trace: { traceparent: '00-1' } },
      { trace: { traceparent: '00-1' } },
    ]);
    expect(errors).toEqual([]);
  });

  it.each(hostileErrors)('costs the trace and one log line, when inject() throws $what', async ({ make }) => {
    const { envelopes, results, errors } = await carry({ ...sound, inject: () => raise(make()) });

    expect(envelopes.map(({ context }) => context)).toEqual([{}, {}]);
    expect(results.map(({ report }) => report.state)).toEqual(['succeeded', 'succeeded']);
    expect(errors).toEqual([expect.stringMatching(/^The trace of a task is lost/)]);
  });

  it.each(noHeaders)('costs the trace and one log line, when inject() returns $what', async ({ make }) => {
    const rejections = new UnhandledRejections();
    const { envelopes, results, errors } = await carry({ ...sound, inject: () => make() as never });

    expect(envelopes.map(({ context }) => context)).toEqual([{}, {}]);
    expect(results.map(({ report }) => report.state)).toEqual(['succeeded', 'succeeded']);
    expect(errors).toEqual([expect.stringMatching(/^The trace of a task is lost/)]);
    expect(await rejections.count()).toBe(0);
  });

  describe.each(['enqueue', 'extract', 'run'] as const)('in %s()', (method) => {
    it.each(hostileErrors)('costs the trace and one log line, when it throws $what', async ({ make }) => {
      const { results, errors, stats } = await carry({ ...sound, [method]: () => raise(make()) });

      expect(results.map(({ report }) => report.state)).toEqual(['succeeded', 'succeeded']);
      expect(ran).toEqual([1, 2]);
      expect(errors).toEqual([expect.stringMatching(/^The trace of a task is lost/)]);
      expect(stats).toMatchObject({ waiting: 0, running: 0 });
    });

    it.each<[string, (given: unknown, work: () => void) => unknown, number]>([
      ['never calls', () => undefined, 1],
      ['calls twice', (_, work) => [work(), work()], 0],
      ['calls', (_, work) => work(), 0],
      ['calls, and then throws', (_, work) => raise(work()), 1],
      ['calls later', (_, work) => Promise.resolve().then(work), 1],
      ['calls later, and rejects', (_, work) => Promise.resolve().then(work).then(raise), 1],
      ['does not call, and returns what cannot be looked at,', () => hostileObjects[0]!.make(), 1],
    ])('runs each task once, when it %s what it is given', async (_, broken, lines) => {
      const rejections = new UnhandledRejections();
      const { results, errors, stats } = await carry({ ...sound, [method]: broken });

      expect(results.map(({ report }) => report.state)).toEqual(['succeeded', 'succeeded']);
      expect(ran).toEqual([1, 2]);
      expect(errors).toHaveLength(lines);
      // Each is enqueued here, and runs here.
      expect(stats).toMatchObject({ accepted: 4, enqueued: 2, succeeded: 2, waiting: 0, running: 0 });
      expect(await rejections.count()).toBe(0);
    });
  });

  it('leaves the error of a task as it is, and calls it once', async () => {
    const failure = new Error('no');
    let calls = 0;
    const { scopes, logs } = await startContext({
      options: { tracing: { ...sound, run: (_, work) => raise(work()) } },
    });

    const report = await scopes.run(({ tasks }) => {
      const task = tasks.addTask(() => {
        calls++;
        throw failure;
      });
      return { settled: task.settled };
    });

    expect(await report.settled).toMatchObject({ state: 'failed', error: failure });
    expect(calls).toBe(1);
    expect(logs.errors).toHaveLength(2);
  });

  it('keeps the error of a task that nobody knows', async () => {
    const backend = new MemoryBackend();
    const imports = [memoryBackendModule(backend)];
    const { logs } = await startContext({ imports, options: { tracing: sound } });
    const envelope = {
      v: 1,
      name: 'unknown',
      id: 'a',
      payload: 1,
      context: { trace: { traceparent: '00-1' } },
    } as const;

    const run = backend.runner!.run(envelope, { number: 1, progressed: () => undefined });

    await expect(run).rejects.toMatchObject({ code: 'UNKNOWN_TASK' });
    expect(logs.errors).toEqual([]);
  });
});
