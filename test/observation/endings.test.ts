import { describe, expect, it } from 'vitest';
import {
  BackgroundTasksHost,
  type BackgroundTasks,
  BackgroundTasksRef,
  type BackgroundTasksModuleOptions,
  currentTask,
  defineTask,
  TaskHandler,
  TaskScopes,
} from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { RecordedEvents } from '../support/recorded-events.js';
import { startContext } from '../support/start-context.js';

/** One unit of work in which a task ends otherwise than by running to its end. */
interface Ending {
  readonly what: string;
  readonly add: (tasks: BackgroundTasks) => unknown;
  readonly ended: { readonly name: string; readonly state: string; readonly reason: string };
  readonly options?: BackgroundTasksModuleOptions;
}

const endings: readonly Ending[] = [
  {
    what: 'is for the other outcome',
    add: (tasks) => tasks.with({ name: 'late', runOn: 'failure' }).addTask(nothing),
    ended: { name: 'late', state: 'discarded', reason: 'request-succeeded' },
  },
  {
    what: 'belongs to a unit that failed',
    add: (tasks) => {
      tasks.with({ name: 'late' }).addTask(nothing);
      throw new Error('no unit');
    },
    ended: { name: 'late', state: 'discarded', reason: 'request-failed' },
  },
  {
    what: 'is cancelled',
    add: (tasks) => tasks.with({ name: 'late' }).addTask(nothing).cancel(),
    ended: { name: 'late', state: 'cancelled', reason: 'cancelled' },
  },
  {
    what: 'makes room for a later one of its name',
    add: (tasks) => {
      const queue = tasks.with({ name: 'late', dedupe: 'keep-last' });
      queue.addTask(nothing);
      queue.addTask(nothing);
    },
    ended: { name: 'late', state: 'discarded', reason: 'deduplicated' },
  },
  {
    what: 'comes after one that failed, which stops the others',
    options: { onTaskFailure: 'stop' },
    add: (tasks) => {
      tasks.addTask(() => Promise.reject(new Error('first')));
      tasks.with({ name: 'late' }).addTask(nothing);
    },
    ended: { name: 'late', state: 'skipped', reason: 'earlier-task-failed' },
  },
  {
    what: 'was enqueued by a task that failed',
    add: (tasks) =>
      tasks.addTask(async () => {
        tasks.enqueue(Count, {});
        throw new Error('parent');
      }),
    ended: { name: 'count', state: 'discarded', reason: 'parent-failed' },
  },
];

describe('B42 the end of a task that', () => {
  it.each(endings)('$what says why', async ({ add, ended, options }) => {
    const events = new RecordedEvents();
    const { run } = await startContext({
      options: { ...options, observers: [events.observer] },
      providers: [CountHandler],
    });

    await run(add).catch(() => undefined);

    expect(events.of('taskSettled')).toContainEqual(
      expect.objectContaining({
        report: expect.objectContaining({ name: ended.name, state: ended.state }) as unknown,
        reason: ended.reason,
      }),
    );
  });

  it('runs to its end gives no reason', async () => {
    const events = new RecordedEvents();
    const { run } = await startContext({ options: { observers: [events.observer] } });

    await run((tasks) => {
      tasks.addTask(nothing);
      tasks.addTask(() => Promise.reject(new Error('failed')));
    });

    const settled = events.of('taskSettled');
    expect(settled.map(({ report }) => report.state)).toEqual(['succeeded', 'failed']);
    expect(settled.every((event) => !('reason' in event))).toBe(true);
  });

  it('is left at the deadline says so, and the end of the drain counts it', async () => {
    const events = new RecordedEvents();
    const { scopes, app } = await startContext({ options: { observers: [events.observer] } });
    const done = scopes.run(({ tasks }) => {
      tasks.with({ name: 'endless' }).addTask(() => new Promise(() => undefined));
      tasks.with({ name: 'behind it' }).addTask(nothing);
    });
    await events.until('taskStarted');

    await app.get(BackgroundTasksHost).drain({ timeoutMs: 0 });
    await done;

    expect(events.of('taskSettled')).toMatchObject([
      { report: { name: 'behind it', state: 'abandoned', attempts: 0 }, reason: 'deadline' },
      { report: { name: 'endless', state: 'abandoned', attempts: 1 }, reason: 'deadline' },
    ]);
    expect(events.of('drainBegun')).toMatchObject([{ timeoutMs: 0 }]);
    expect(events.of('drainEnded')).toMatchObject([{ abandoned: 2 }]);
  });

  it('a backend refuses says so, and so does its hand-over', async () => {
    const events = new RecordedEvents();
    const backend = new MemoryBackend();
    const { run } = await startContext({
      options: { observers: [events.observer] },
      imports: [memoryBackendModule(backend)],
      providers: [CountHandler],
    });
    const refusal = new Error('no server');
    backend.gate = Promise.reject(refusal);
    backend.gate.catch(() => undefined);

    await run((tasks) => tasks.enqueue(Count, {})).catch(() => undefined);

    expect(events.of('handedOver')).toMatchObject([{ tasks: [{ name: 'count' }], error: refusal }]);
    expect(events.of('taskSettled')).toMatchObject([{ report: { state: 'failed' }, reason: 'hand-over-failed' }]);
  });

  it('a backend takes is a hand-over, with all tasks that went together', async () => {
    const events = new RecordedEvents();
    const { run } = await startContext({
      options: { observers: [events.observer] },
      imports: [memoryBackendModule(new MemoryBackend())],
      providers: [CountHandler],
    });

    await run((tasks) => [tasks.enqueue(Count, {}), tasks.enqueue(Count, {})]);

    const [handedOver] = events.of('handedOver');
    expect(handedOver).toMatchObject({ tasks: [{ name: 'count' }, { name: 'count' }], scope: { kind: 'unit' } });
    expect(handedOver).not.toHaveProperty('error');
    expect(events.of('taskSettled').map(({ report }) => report.state)).toEqual(['enqueued', 'enqueued']);
  });

  it('this process takes itself is no hand-over', async () => {
    const events = new RecordedEvents();
    const { run } = await startContext({ options: { observers: [events.observer] }, providers: [CountHandler] });

    await run((tasks) => tasks.enqueue(Count, {}));

    expect(events.of('handedOver')).toEqual([]);
  });
});

describe('B42 the attempts of a task', () => {
  it('are told one by one, with the error of each and the wait after it', async () => {
    const events = new RecordedEvents();
    const retry = { attempts: 3, delayMs: 1, factor: 1, jitter: 0 } as const;
    const { run } = await startContext({ options: { observers: [events.observer], retry } });
    const errors = [1, 2, 3].map((number) => new Error(`attempt ${number}`));

    await run((tasks) => tasks.addTask(() => Promise.reject(errors[currentTask().attempt - 1]!)));

    expect(events.of('taskStarted').map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(events.of('taskRetried')).toMatchObject([
      { attempt: 1, state: 'failed', error: errors[0], delayMs: 1 },
      { attempt: 2, state: 'failed', error: errors[1], delayMs: 1 },
    ]);
    expect(events.of('taskSettled')).toMatchObject([{ report: { attempts: 3, error: errors[2] }, isRetried: false }]);
  });

  it('say that the time was up', async () => {
    const events = new RecordedEvents();
    const options = { observers: [events.observer], timeoutMs: 1, retry: { attempts: 2, delayMs: 0 } };
    const { run } = await startContext({ options });

    await run((tasks) => tasks.addTask(() => new Promise(() => undefined)));

    expect(events.of('taskRetried')).toMatchObject([{ state: 'timed-out', error: { name: 'TimeoutError' } }]);
    expect(events.of('taskSettled')).toMatchObject([{ report: { state: 'timed-out' } }]);
  });

  it('of a backend keep its number, and say that another one follows', async () => {
    const events = new RecordedEvents();
    const backend = new MemoryBackend();
    const { run } = await startContext({
      options: { observers: [events.observer] },
      imports: [memoryBackendModule(backend)],
      providers: [CountHandler],
    });
    await run((tasks) => tasks.enqueue(Count, { fails: true }));
    const [enqueued] = backend.batches.flat();

    const attempt = { number: 2, progressed: () => undefined, willRetry: () => true };
    await backend.runner!.run(enqueued!.envelope, attempt);

    const { id } = enqueued!.envelope;
    expect(events.of('taskStarted')).toMatchObject([{ attempt: 2, task: { id, name: 'count', isNamed: true } }]);
    expect(events.of('taskSettled')[1]).toMatchObject({ report: { id, state: 'failed' }, isRetried: true });
    expect(events.of('taskStarted')[0]).not.toHaveProperty('scope');
    expect(events.of('scopeOpened').map(({ scope }) => scope)).toMatchObject([
      { kind: 'unit', description: 'a unit of work' },
      { kind: 'task', description: 'task "count"', parent: { taskId: id } },
    ]);
  });
});

describe('B42 where a task comes from', () => {
  it('is told with each of its events: the line, and the task that added it', async () => {
    const events = new RecordedEvents();
    const options = { observers: [events.observer], captureStackTraces: true };
    const { run } = await startContext({ options });

    await run((tasks) =>
      tasks.with({ name: 'first' }).addTask(() => void tasks.with({ name: 'second' }).addTask(nothing)),
    );

    const [first, second] = events.of('taskAccepted').map(({ task }) => task);
    expect(first).toMatchObject({ name: 'first', isNamed: false, place: expect.stringContaining(FILE) as string });
    expect(first).not.toHaveProperty('addedBy');
    expect(second).toMatchObject({ name: 'second', addedBy: first!.id });
    expect(events.of('taskSettled').map(({ task }) => task)).toEqual([first, second]);
  });

  it('is not told where no stack traces are captured', async () => {
    const events = new RecordedEvents();
    const { run } = await startContext({ options: { observers: [events.observer], captureStackTraces: false } });

    await run((tasks) => tasks.addTask(nothing));

    expect(events.of('taskAccepted')[0]!.task).not.toHaveProperty('place');
  });

  it('is told of a unit of work within a task', async () => {
    const events = new RecordedEvents();
    const { app, run } = await startContext({ options: { observers: [events.observer] } });
    const scopes = app.get(TaskScopes);

    await run((tasks) => tasks.addTask(() => scopes.run(nothing)));

    const [outer, inner] = events.of('scopeOpened').map(({ scope }) => scope);
    const [{ task } = { task: undefined }] = events.of('taskAccepted');
    expect(inner!.parent).toEqual({ scopeId: outer!.id, taskId: task!.id });
    expect(outer).not.toHaveProperty('parent');
  });

  it('is told of a unit of work within another', async () => {
    const events = new RecordedEvents();
    const { scopes } = await startContext({ options: { observers: [events.observer] }, providers: [UsesRef] });

    await scopes.run(() => scopes.run(nothing));

    const [outer, inner] = events.of('scopeOpened').map(({ scope }) => scope);
    expect(inner!.parent).toEqual({ scopeId: outer!.id });
  });

  it('is told of the handler that runs a named task in this process', async () => {
    const events = new RecordedEvents();
    const { run } = await startContext({ options: { observers: [events.observer] }, providers: [CountHandler] });

    const { id } = await run((tasks) => tasks.enqueue(Count, {}));

    const [outer, inner] = events.of('scopeOpened').map(({ scope }) => scope);
    expect(inner).toMatchObject({ kind: 'task', parent: { scopeId: outer!.id, taskId: id } });
  });
});

describe('B42 the drain', () => {
  it('begins once and ends when everything has', async () => {
    const events = new RecordedEvents();
    const { scopes, app } = await startContext({ options: { observers: [events.observer] } });
    const gate = deferred();
    const done = scopes.run(({ tasks }) => tasks.addTask(() => gate.promise));
    await events.until('taskStarted');

    const drained = app.get(BackgroundTasksHost).drain({ timeoutMs: 10_000 });
    gate.resolve();
    await drained;
    await done;
    await app.close();

    expect(events.names.slice(-4)).toEqual(['drainBegun', 'taskSettled', 'scopeClosed', 'drainEnded']);
    expect(events.of('drainBegun')).toMatchObject([{ timeoutMs: 10_000 }]);
    expect(events.of('drainEnded')).toMatchObject([{ abandoned: 0, durationMs: expect.any(Number) as number }]);
  });
});

const FILE = 'endings.test.ts';

const Count = defineTask<{ fails?: boolean }>({ name: 'count' });

@TaskHandler(Count)
class CountHandler {
  run({ fails }: { fails?: boolean }) {
    if (fails) throw new Error('failed');
  }
}

class UsesRef {
  constructor(readonly ref: BackgroundTasksRef) {}
}
Reflect.defineMetadata('design:paramtypes', [BackgroundTasksRef], UsesRef);

function nothing() {}
