import { describe, expect, it } from 'vitest';
import { BackgroundTasks, type BackgroundTaskGroup, type GroupOptions, TaskScopes } from '../../src/index.js';
import { RecordingBackgroundTasks } from '../../src/testing/index.js';
import { Group, handlers, Part, Row, startGrouped, Whole } from '../support/grouped-app.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { RecordedEvents } from '../support/recorded-events.js';
import { startContext } from '../support/start-context.js';
import { until } from '../support/until.js';

const last = { then: Whole, payload: { album: 1 } };
const part = (act = 'a') => ({ definition: Part, payload: { act } });

describe('a group is refused', () => {
  it.each<[what: string, tasks: unknown, options: unknown, message: string]>([
    ['what is no array', { 0: part() }, last, 'Invalid option "enqueueGroup.tasks"'],
    [
      'a task without a definition',
      [{ payload: { act: 'a' } }],
      last,
      'Invalid option "enqueueGroup.tasks[0].definition"',
    ],
    ['a misspelled member', [{ ...part(), payloads: 1 }], last, 'Invalid option "enqueueGroup.tasks[0].payloads"'],
    ['no last task', [part()], { payload: {} }, 'Invalid option "enqueueGroup.then"'],
    ['no options', [part()], undefined, 'Invalid option "enqueueGroup"'],
    ['a last task that runs in batches', [], { then: Row, payload: { act: 'a' } }, 'Give a definition without "batch"'],
    [
      'an idempotency key of one task',
      [{ ...part(), options: { idempotencyKey: '7' } }],
      last,
      'Invalid option "enqueueGroup.tasks[0].options.idempotencyKey"',
    ],
    [
      'an idempotency key of the last',
      [part()],
      { ...last, options: { idempotencyKey: '7' } },
      'enqueue the group in the handler of a task that has the key',
    ],
    [
      'a misspelled setting of one task',
      [{ ...part(), options: { bullmq: 7 } }],
      last,
      'Invalid option "enqueueGroup.tasks[0].options.bullmq"',
    ],
    ['a list that cannot be read', new Proxy([], hostile), last, 'Invalid option "enqueueGroup.tasks"'],
  ])('for %s', async (_what, tasks, options, message) => {
    const { enqueue, host } = await startGrouped();

    const refused = await enqueue((all) => caught(() => all.enqueueGroup(tasks as [], options as GroupOptions)));

    expect(refused).toMatchObject({ code: 'INVALID_OPTION' });
    expect(String(refused)).toContain(message);
    expect(host.stats()).toMatchObject({ accepted: 0 });
  });

  it('by a backend that does not know groups, which would run the last task at once', async () => {
    const backend = new MemoryBackend();
    const { scopes } = await startContext({ imports: [memoryBackendModule(backend)], providers: [Group, ...handlers] });

    const running = scopes.run(({ tasks }) => tasks.enqueueGroup([part()], last));

    await expect(running).rejects.toMatchObject({ code: 'GROUPS_UNSUPPORTED' });
    expect(backend.batches).toEqual([]);
  });

  it('as a whole where only a part of it has room', async () => {
    const { enqueue, host } = await startGrouped(undefined, { maxPending: 2 });

    const refused = await enqueue((all) => caught(() => all.enqueueGroup([part(), part()], last)));

    expect(refused).toMatchObject({ code: 'QUEUE_FULL' });
    expect(host.stats()).toMatchObject({ accepted: 2, cancelled: 2, waiting: 0 });
  });
});

describe('a group in this process', () => {
  it('keeps neither the unit of work open nor its later tasks waiting', async () => {
    const { app, group } = await startGrouped(undefined, { concurrency: 1 });
    let groups!: BackgroundTaskGroup;

    const rows = ['a', 'b', 'c'].map((act) => ({ definition: Row, payload: { act } }));
    const running = app.get(TaskScopes).run(({ tasks }) => {
      groups = tasks.enqueueGroup([...rows, part('hold')], last);
      tasks.addTask(group.note, 'later');
    });
    await group.until('hold');
    group.held.resolve();
    await running;
    await groups.last.settled;

    expect(group.events.indexOf('later')).toBeGreaterThan(group.events.indexOf('hold'));
    expect(group.events.at(-1)).toBe('whole 1');
  });

  it.each([1, 3])(
    'skips its last task if a part fails and onTaskFailure says stop, %i at a time',
    async (concurrency) => {
      const { enqueueParts, group, host } = await startGrouped(undefined, { onTaskFailure: 'stop', concurrency });

      const { last: whole } = await enqueueParts(['a', 'fail']);

      expect((await whole.settled).state).toBe('skipped');
      expect(group.ends).toEqual([]);
      expect(host.stats()).toMatchObject({ accepted: 3, succeeded: 1, failed: 1, skipped: 1, waiting: 0, running: 0 });
    },
  );

  it('does not count as a task that waits for its turn while its tasks run', async () => {
    const { enqueueParts, ended, group, host } = await startGrouped();
    const { last: whole } = await enqueueParts(['hold']);
    await group.until('hold');

    const from = performance.now();
    await until('some time has passed', () => performance.now() - from > 20);
    const { oldestWaitingMs, waiting } = await host.health();
    group.held.resolve();
    await ended(whole);

    expect([oldestWaitingMs, waiting]).toEqual([0, 1]);
  });

  it('is waited for at shutdown', async () => {
    const { enqueueParts, app, group } = await startGrouped();
    await enqueueParts(['hold', 'a']);
    await group.until('hold');

    const closing = app.close();
    group.held.resolve();
    await closing;

    expect(group.events).toEqual(['hold', 'a', 'whole 1']);
  });

  it('is abandoned as a whole at the deadline of the shutdown', async () => {
    const { enqueueParts, app, group, host } = await startGrouped(undefined, { shutdownTimeoutMs: 50 });
    const { last: whole } = await enqueueParts(['stuck']);
    await group.until('stuck');

    await app.close();

    expect((await whole.settled).state).toBe('abandoned');
    expect(host.stats()).toMatchObject({ accepted: 2, abandoned: 2, waiting: 0, running: 0 });
    expect(group.events).toEqual(['stuck']);
  });

  it('waits for the permits of all, and gives them back', async () => {
    const { enqueueParts, ended, host } = await startGrouped(undefined, { maxPending: 4, maxRunning: 1 });

    const { last: first } = await enqueueParts(['a', 'b', 'c']);
    await ended(first);
    const { last: second } = await enqueueParts(['d', 'e', 'f']);
    await ended(second);

    expect(host.stats()).toMatchObject({ accepted: 8, succeeded: 8, waiting: 0, running: 0 });
  });
});

it('observers of a group are told the tasks that the last one waits for', async () => {
  const recorded = new RecordedEvents();
  const { enqueueParts, ended } = await startGrouped(undefined, { observers: [recorded.observer] });

  const { tasks, last: whole } = await enqueueParts(['a', 'b']);
  await ended(whole);

  const told = recorded.of('taskStarted').map(({ task }) => [task.name, task.waitsFor]);
  expect(told).toEqual([
    ['part', undefined],
    ['part', undefined],
    ['whole', tasks.map(({ id }) => id)],
  ]);
});

describe('a recorded group', () => {
  it('is recorded as its tasks, the last one too', () => {
    const recorded = new RecordingBackgroundTasks();
    const tasks: BackgroundTasks = recorded;

    tasks.enqueueGroup([part('a'), part('b')], last);

    recorded.assertEnqueued(Part, { act: 'b' });
    recorded.assertEnqueued(Whole, { album: 1 });
    expect(recorded.enqueued.map(({ definition }) => definition.name)).toEqual(['part', 'part', 'whole']);
  });
});

const hostile: ProxyHandler<never[]> = {
  get: () => {
    throw new Error('hostile');
  },
};

function caught(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}
