import { Logger } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, currentTask } from '../../src/index.js';
import { RecordingBackgroundTasks } from '../../src/testing/index.js';
import { threadTask } from '../../src/worker-threads/index.js';
import { hostileObjects } from '../support/hostile-values.js';
import { useTimeline } from '../support/timeline.js';
import { RecordedLogs } from '../support/recorded-logs.js';

const timeline = useTimeline();
Logger.overrideLogger(new RecordedLogs());

const inThread = threadTask(new URL('../worker-threads/fixtures/functions.mjs', import.meta.url), 'echo');

function send(to: string, subject: string) {
  timeline.note(`${subject} to ${to}`);
}

class Mailer {
  constructor(private readonly from: string) {}

  async deliver(to: string) {
    timeline.note(`from ${this.from} to ${to}`);
  }
}

describe('RecordingBackgroundTasks and an argument that throws where it is looked at', () => {
  it.each(hostileObjects)('tells whether it was that one: $what', ({ make }) => {
    const tasks = new RecordingBackgroundTasks();
    const argument = make();
    const keep = (_: unknown) => undefined;

    tasks.addTask(keep, argument);

    tasks.assertAdded(keep, argument);
    expect(() => tasks.assertAdded(keep, { a: 2 })).toThrow(expect.objectContaining({ code: 'TASK_NOT_RECORDED' }));
  });
});

describe('RecordingBackgroundTasks keeps tasks', () => {
  it('is a BackgroundTasks that runs nothing', () => {
    const tasks = new RecordingBackgroundTasks();

    const task = tasks.addTask(send, 'ada', 'hello');

    expect(tasks).toBeInstanceOf(BackgroundTasks);
    expect(task.state).toBe('waiting');
    expect(timeline.events).toEqual([]);
  });

  it('applies dedupe as a request does', async () => {
    const tasks = new RecordingBackgroundTasks();

    const replaced = tasks.with({ dedupe: 'keep-last' }).addTask(send, 'ada', 'first');
    const last = tasks.with({ dedupe: 'keep-last' }).addTask(send, 'ada', 'second');
    const kept = tasks.with({ dedupe: 'keep-first' }).addTask(send, 'ada', 'third');

    expect((await replaced.settled).state).toBe('discarded');
    expect(kept).toBe(last);
    expect(tasks.added.map(({ args }) => args)).toEqual([['ada', 'second']]);
  });

  it('asserts the options that with() names, and says which where they were others', () => {
    const tasks = new RecordingBackgroundTasks();
    tasks.with({ runOn: 'always', timeoutMs: 5 }).addTask(send, 'ada', 'hello');

    tasks.with({ runOn: 'always' }).assertAdded(send, 'ada');
    tasks.with({ runOn: 'always' }).with({ timeoutMs: 5 }).assertAdded(send, 'ada', 'hello');

    expect(() => tasks.with({ runOn: 'failure' }).assertAdded(send, 'ada')).toThrow(
      "task send('ada') with { runOn: 'failure' }, but these were added: send('ada', 'hello') with { runOn: 'always', timeoutMs: 5 }.",
    );
    expect(() => tasks.with({ runOn: 'always' }).assertAdded(send, 'bob')).toThrow(
      "send('bob') with { runOn: 'always' }, but",
    );
  });

  it('ends what it forgets as cancelled', async () => {
    const tasks = new RecordingBackgroundTasks();
    const task = tasks.addTask(send, 'ada', 'hello');

    tasks.clear();

    expect((await task.settled).state).toBe('cancelled');
    expect(tasks.added).toEqual([]);
  });

  it('records function, target, arguments, name, options and handle, in order', () => {
    const tasks = new RecordingBackgroundTasks();
    const mailer = new Mailer('us');

    const first = tasks.addTask(send, 'ada', 'hello');
    const second = tasks
      .with({ name: 'deliver', runOn: 'always' })
      .with({ timeoutMs: 5 })
      .addTask(mailer, 'deliver', 'bob');

    expect(tasks.added).toEqual([
      { name: 'send', fn: send, args: ['ada', 'hello'], options: {}, task: first },
      {
        name: 'deliver',
        // oxlint-disable-next-line typescript/unbound-method -- compared, not called
        fn: mailer.deliver,
        target: mailer,
        args: ['bob'],
        options: { name: 'deliver', runOn: 'always', timeoutMs: 5 },
        task: second,
      },
    ]);
    expect(tasks.added[1]?.target).toBe(mailer);
  });

  it('names a method by its class', () => {
    const tasks = new RecordingBackgroundTasks();

    const task = tasks.addTask(new Mailer('us'), 'deliver', 'ada');

    expect(task.name).toBe('Mailer.deliver');
  });

  it('shows what waits, through its views as well', () => {
    const tasks = new RecordingBackgroundTasks();
    const view = tasks.with({ runOn: 'always' });
    const handles = [tasks.addTask(send, 'ada', 'hello'), view.addTask(send, 'bob', 'hello')];

    expect(tasks.pending).toEqual(handles);
    expect(view.pending).toEqual(handles);
  });

  it('cancels by name and by handle, and says whether there was one', async () => {
    const tasks = new RecordingBackgroundTasks();
    const first = tasks.addTask(send, 'ada', 'hello');
    tasks.addTask(send, 'bob', 'hello');
    const other = tasks.with({ name: 'other' }).addTask(send, 'cyd', 'hello');

    expect(tasks.with({}).cancel('send')).toBe(true);
    expect(tasks.cancel('send')).toBe(false);
    expect(tasks.added.map(({ task }) => task)).toEqual([other]);
    expect(other.cancel()).toBe(true);
    expect(other.cancel()).toBe(false);
    expect(first.state).toBe('cancelled');
    await expect(first.settled).resolves.toMatchObject({ state: 'cancelled', attempts: 0 });
    expect(tasks.added).toEqual([]);
  });

  it('refuses what the real one refuses', () => {
    const tasks = new RecordingBackgroundTasks();

    expect(() => tasks.addTask('send')).toThrow(expect.objectContaining({ code: 'NOT_A_FUNCTION' }));
    expect(() => tasks.addTask(new Mailer('us'), 'delivre')).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_METHOD' }),
    );
    expect(() => tasks.with({ timeoutMs: -1 })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(() => tasks.addTask(inThread, () => 5)).toThrow(
      expect.objectContaining({ code: 'THREAD_VALUE_NOT_CLONEABLE' }),
    );
    expect(() => tasks.with({}).addTask(inThread, () => 5)).toThrow(/Argument 1 of thread function "echo"/);
    expect(tasks.added).toEqual([]);
  });

  it('forgets on clear', () => {
    const tasks = new RecordingBackgroundTasks();
    tasks.addTask(send, 'ada', 'hello');

    tasks.clear();

    tasks.assertNothingAdded();
    expect(tasks.pending).toEqual([]);
  });
});

describe('RecordingBackgroundTasks asserts what was added', () => {
  it('accepts a function with all, some or none of its arguments', () => {
    const tasks = new RecordingBackgroundTasks();
    tasks.addTask(send, 'ada', 'hello');

    expect(() => {
      tasks.assertAdded(send, 'ada', 'hello');
      tasks.assertAdded(send, 'ada');
      tasks.assertAdded(send);
    }).not.toThrow();
  });

  it('accepts a method of that very object', () => {
    const tasks = new RecordingBackgroundTasks();
    const mailer = new Mailer('us');
    tasks.addTask(mailer, 'deliver', 'ada');

    expect(() => tasks.assertAdded(mailer, 'deliver', 'ada')).not.toThrow();
    expect(() => tasks.assertAdded(new Mailer('us'), 'deliver', 'ada')).toThrow(
      expect.objectContaining({
        code: 'TASK_NOT_RECORDED',
        message: expect.stringContaining("added: Mailer.deliver('ada') of another object.") as string,
      }),
    );
  });

  it('compares arguments by value, and honours matchers', () => {
    const tasks = new RecordingBackgroundTasks();
    const store = (_order: { id: number; lines: string[] }) => undefined;
    tasks.addTask(store, { id: 7, lines: ['a'] });

    expect(() => tasks.assertAdded(store, { id: 7, lines: ['a'] })).not.toThrow();
    expect(() => tasks.assertAdded(store, expect.objectContaining({ id: 7 }) as never)).not.toThrow();
    expect(() => tasks.assertAdded(store, expect.objectContaining({ id: 8 }) as never)).toThrow(
      "Expected background task store(ObjectContaining { id: 8 }), but these were added: store({ id: 7, lines: [ 'a' ] })",
    );
    expect(() => tasks.assertAdded(store, { id: 7, lines: [] })).toThrow('store({ id: 7, lines: [] }), but');
  });

  it('honours matchers inside an argument', () => {
    const tasks = new RecordingBackgroundTasks();
    const store = (_order: { id: number; at: unknown }) => undefined;
    tasks.addTask(store, { id: 7, at: new Date() });

    expect(() => tasks.assertAdded(store, { id: 7, at: expect.any(Date) as unknown })).not.toThrow();
    expect(() => tasks.assertAdded(store, { id: 7, at: expect.any(String) as unknown })).toThrow(
      'store({ id: 7, at: Any<String> }), but',
    );
  });

  it('takes a member that is undefined for absent, as a payload has it, but not an element', () => {
    const tasks = new RecordingBackgroundTasks();
    const store = (_order: { id: number; note?: string | undefined; lines?: unknown[] }) => undefined;
    tasks.addTask(store, { id: 7, lines: [undefined] });

    expect(() => tasks.assertAdded(store, { id: 7, note: undefined, lines: [undefined] })).not.toThrow();
    expect(() => tasks.assertAdded(store, { id: 7, note: 'x', lines: [undefined] })).toThrow("note: 'x'");
    expect(() => tasks.assertAdded(store, { id: 7, lines: [] })).toThrow('store({ id: 7, lines: [] }), but');
  });

  it('looks at all tasks, not only the last of a name', () => {
    const tasks = new RecordingBackgroundTasks();
    tasks.addTask(send, 'ada', 'hello');
    tasks.addTask(send, 'bob', 'hello');

    expect(() => tasks.assertAdded(send, 'ada')).not.toThrow();
  });

  it('prints what was expected and what was added, with arguments, when it throws', () => {
    const tasks = new RecordingBackgroundTasks();
    tasks.addTask(send, 'ada', 'hello');
    tasks.with({ name: 'audit' }).addTask(send, 'bob', 'hello');

    expect(() => tasks.assertAdded(new Mailer('us'), 'deliver')).toThrow(
      "Expected background task Mailer.deliver, but these were added: send('ada', 'hello'), audit('bob', 'hello').",
    );
    expect(() => tasks.assertNothingAdded()).toThrow(
      "Expected no background task, but these were added: send('ada', 'hello'), audit('bob', 'hello') with { name: 'audit' }.",
    );
    expect(() => new RecordingBackgroundTasks().assertAdded(send)).toThrow(
      'Expected background task send, but nothing was added.',
    );
  });

  it('prints an argument that contains itself', () => {
    const tasks = new RecordingBackgroundTasks();
    const store = (_order: object) => undefined;
    const order: { self?: object } = {};
    order.self = order;
    tasks.addTask(store, order);

    expect(() => tasks.assertAdded(store, { id: 1 })).toThrow(/added: store\(.*self: .*\)\./);
  });

  it('prints where a task of that name is of another function, and no more than twenty tasks', () => {
    const tasks = new RecordingBackgroundTasks();
    for (let count = 0; count < 22; count++) tasks.with({ name: 'send' }).addTask(() => undefined);

    expect(() => tasks.assertAdded(send)).toThrow(/added: send\(\) of another function, .* and 2 more\. Compare/);
  });
});

describe('RecordingBackgroundTasks runs tasks when it is told to', () => {
  it('in order, with their arguments and this, and reports on each', async () => {
    const tasks = new RecordingBackgroundTasks();
    const handle = tasks.addTask(send, 'ada', 'hello');
    tasks.addTask(new Mailer('us'), 'deliver', 'bob');

    const reports = await tasks.runAll();

    expect(timeline.events).toEqual(['hello to ada', 'from us to bob']);
    expect(reports).toMatchObject([
      { name: 'send', state: 'succeeded', attempts: 1 },
      { name: 'Mailer.deliver', state: 'succeeded', attempts: 1 },
    ]);
    await expect(handle.settled).resolves.toEqual(reports[0]);
    tasks.assertNothingAdded();
  });

  it('with what a task adds', async () => {
    const tasks = new RecordingBackgroundTasks();
    tasks.addTask(() => {
      timeline.note('first');
      tasks.addTask(() => timeline.note('added by the first'));
    });
    tasks.addTask(() => timeline.note('second'));

    const reports = await tasks.runAll();

    expect(timeline.events).toEqual(['first', 'second', 'added by the first']);
    expect(reports).toHaveLength(3);
  });

  it('by the outcome that it is given', async () => {
    const tasks = new RecordingBackgroundTasks();
    const add = () => {
      tasks.addTask(() => timeline.note('on success'));
      tasks
        .with({ runOn: 'failure' })
        .addTask(() => timeline.note(`on failure: ${String(currentTask().outcome.error)}`));
      tasks.with({ runOn: 'always', onAbort: 'skip' }).addTask(() => timeline.note('unless aborted'));
    };

    add();
    await tasks.runAll();
    add();
    await tasks.runAll({ outcome: { succeeded: false, aborted: true, error: 'denied' } });

    expect(timeline.events).toEqual(['on success', 'unless aborted', 'on failure: denied']);
  });

  it('and throws TASKS_FAILED with what they threw, once all have run', async () => {
    const tasks = new RecordingBackgroundTasks();
    const errors = [new Error('first'), new Error('second')];
    tasks.addTask(() => Promise.reject(errors[0]!));
    tasks.addTask(() => timeline.note('in between'));
    tasks.addTask(() => Promise.reject(errors[1]!));

    await expect(tasks.runAll()).rejects.toMatchObject({ code: 'TASKS_FAILED', errors, cause: errors[0] });
    expect(timeline.events).toEqual(['in between']);
  });

  it('and only reports failures with throwOnFailure: false', async () => {
    const tasks = new RecordingBackgroundTasks();
    const error = new Error('no');
    tasks.addTask(() => Promise.reject(error));

    const reports = await tasks.runAll({ throwOnFailure: false });

    expect(reports).toMatchObject([{ state: 'failed', error }]);
  });

  it('and has nothing to do twice', async () => {
    const tasks = new RecordingBackgroundTasks();
    tasks.addTask(send, 'ada', 'hello');

    await tasks.runAll();
    const reports = await tasks.runAll();

    expect(reports).toEqual([]);
    expect(timeline.events).toHaveLength(1);
  });
});
