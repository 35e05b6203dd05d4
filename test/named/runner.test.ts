import { Inject } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import type { NamedTaskAttempt } from '../../src/backend/index.js';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  currentTask,
  defineTask,
  type Handles,
  type TaskContext,
  type TaskEnvelope,
  TaskHandler,
  TaskScopes,
} from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { startContext } from '../support/start-context.js';

const Work = defineTask<string>({ name: 'work', retry: { attempts: 5, delayMs: 0 } });
const Next = defineTask<string>({ name: 'next' });

@TaskHandler(Work)
class WorkHandler implements Handles<typeof Work> {
  static act: (payload: string, tasks: BackgroundTasks, context: TaskContext) => unknown = () => undefined;

  constructor(
    private readonly tasks: BackgroundTasks,
    @Inject(REQUEST) private readonly context: TaskContext,
  ) {}

  run(payload: string): unknown {
    return WorkHandler.act(payload, this.tasks, this.context);
  }
}

@TaskHandler(Next)
class NextHandler implements Handles<typeof Next> {
  run(): void {}
}

async function start(act: typeof WorkHandler.act = () => undefined, options = {}) {
  WorkHandler.act = act;
  const backend = new MemoryBackend();
  const { app, logs } = await startContext({
    imports: [memoryBackendModule(backend)],
    providers: [WorkHandler, NextHandler],
    options,
  });
  const run = (attempt: Partial<NamedTaskAttempt> = {}, envelope: Partial<TaskEnvelope> = {}) =>
    backend.runner!.run(
      { v: 1, name: 'work', id: 'id-1', payload: 'hello', context: {}, ...envelope },
      { number: 1, progressed: () => undefined, ...attempt },
    );
  return { app, backend, run, logs, host: app.get(BackgroundTasksHost), scopes: app.get(TaskScopes) };
}

describe('a backend that runs a task', () => {
  it('has the next ones run after one has failed, whatever onTaskFailure says: they are of other requests', async () => {
    const { run } = await start(
      (payload) => {
        if (payload === 'fails') throw new Error('no');
      },
      { onTaskFailure: 'stop' },
    );

    const first = await run({}, { payload: 'fails' });
    const next = await run({}, { id: 'id-2' });

    expect([first, next].map(({ report }) => report.state)).toEqual(['failed', 'succeeded']);
  });

  it('has the handler called once, with the id and the number of the attempt, and gets the report', async () => {
    const seen: unknown[] = [];
    const { run, host } = await start((payload, _tasks, { id, attempt, outcome }) =>
      seen.push({ payload, id, attempt, outcome }),
    );
    const result = await run({ number: 3 });
    expect(seen).toEqual([{ payload: 'hello', id: 'id-1', attempt: 3, outcome: { succeeded: true, aborted: false } }]);
    expect(result).toMatchObject({
      report: { id: 'id-1', name: 'work', state: 'succeeded', attempts: 3 },
      interruptedByShutdown: false,
    });
    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1 });
  });

  it('makes the further attempts itself: the definition adds none', async () => {
    let calls = 0;
    const { run, logs } = await start(() => {
      calls++;
      throw new Error('broken');
    });
    expect(await run()).toMatchObject({
      report: { state: 'failed', error: new Error('broken') },
      interruptedByShutdown: false,
    });
    expect(calls).toBe(1);
    expect(logs.errors).toEqual([expect.stringContaining('Task "work" failed (id id-1, attempt 1')]);
  });

  it('carries a time limit that enqueue was told, and has it kept', async () => {
    // It never settles, which the application that closes after this test is not to wait for.
    const { run, backend, scopes } = await start(() => new Promise(() => undefined), { shutdownTimeoutMs: 20 });
    await scopes.run(({ tasks }) => void tasks.with({ timeoutMs: 20 }).enqueue(Work, 'x'));
    const { envelope } = backend.batches[0]![0]!;
    expect(envelope.context).toEqual({ timeoutMs: 20 });
    expect(await run({}, envelope)).toMatchObject({ report: { state: 'timed-out' } });
  });

  it('hears of its progress', async () => {
    const heard: unknown[] = [];
    const { run } = await start(() => currentTask().progress(50));
    await run({ progressed: (value) => heard.push(value) });
    expect(heard).toEqual([50]);
  });

  it('has what the request captured seen by the handler, and by the tasks that it enqueues', async () => {
    const seen: unknown[] = [];
    const { run, backend } = await start((_payload, tasks, { context }) => {
      seen.push(context);
      tasks.enqueue(Next, 'x');
    });
    await run({}, { context: { captured: { tenant: 'acme' }, timeoutMs: 5_000 } });
    expect(seen).toEqual([{ tenant: 'acme' }]);
    expect(backend.batches).toMatchObject([
      [{ envelope: { name: 'next', context: { captured: { tenant: 'acme' } } } }],
    ]);
  });

  it('is given what the handler enqueues when that has succeeded, and nothing if it fails', async () => {
    const { run, backend } = await start((payload, tasks) => {
      tasks.enqueue(Next, payload);
      if (payload === 'fails') throw new Error('no');
    });
    await run({}, { payload: 'fails' });
    expect(backend.names).toEqual([]);
    await run();
    expect(backend.names).toEqual([['next']]);
  });

  it('is told when it was the shutdown that ended the task', async () => {
    const started = deferred();
    const { run, app } = await start(
      () => {
        const { signal } = currentTask();
        started.resolve();
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
      },
      { shutdownTimeoutMs: 50 },
    );
    const result = run();
    await started.promise;
    await app.close();
    expect(await result).toMatchObject({ report: { state: 'failed' }, interruptedByShutdown: true });
  });

  it('is told of one that does not react to the shutdown, too', async () => {
    const started = deferred();
    const { run, app } = await start(
      () => {
        started.resolve();
        return new Promise(() => undefined);
      },
      { shutdownTimeoutMs: 20 },
    );
    const result = run();
    await started.promise;
    await app.close();
    expect(await result).toMatchObject({ report: { state: 'abandoned' }, interruptedByShutdown: true });
  });
});

describe('enqueue in TaskScopes.run() with a backend', () => {
  it('hands over in one batch when the work has succeeded', async () => {
    const { scopes, backend } = await start();
    await scopes.run(({ tasks }) => {
      for (let index = 0; index < 10; index++) tasks.enqueue(Next, String(index));
      expect(backend.batches).toEqual([]);
    });
    expect(backend.batches.map((batch) => batch.length)).toEqual([10]);
  });

  it('hands over nothing when it fails', async () => {
    const { scopes, backend, host } = await start();
    const work = scopes.run(({ tasks }) => {
      tasks.enqueue(Next, 'x');
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(backend.batches).toEqual([]);
    expect(host.stats()).toMatchObject({ accepted: 1, discarded: 1 });
  });

  it('rejects when the backend cannot accept', async () => {
    const { scopes, backend } = await start();
    const work = scopes.run(({ tasks }) => {
      tasks.enqueue(Next, 'x');
      backend.isReady = false;
    });
    await expect(work).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });
});
