import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { BackgroundTasks } from '../../src/index.js';
import { raise, revoked, withGetter } from '../support/hostile-values.js';
import { startContext } from '../support/start-context.js';

describe('B12 the log line of a failed task', () => {
  it('names the task, its id, its attempt, its duration and what it threw', async () => {
    const { run, logs } = await startContext();
    const task = await run((tasks) => tasks.with({ name: 'send mail' }).addTask(failing));
    expect(logs.errors).toHaveLength(1);
    const duration = (await task.settled).durationMs.toFixed(1);
    expect(logs.errors[0]).toContain(`Task "send mail" failed (id ${task.id}, attempt 1, ${duration} ms`);
    expect(logs.errors[0]).toContain('Error: no mail today');
    expect(logs.errors[0]).toMatch(/at failing \(.*failure-log\.test\.ts/);
  });

  it('names the cause of the error', async () => {
    const { run, logs } = await startContext();
    const error = new Error('no mail today', { cause: new TypeError('no socket') });
    await run((tasks) => tasks.addTask(() => Promise.reject(error)));
    expect(logs.errors[0]).toMatch(/Error: no mail today[^]*\[cause\] TypeError: no socket/);
  });

  it('names the place that added it outside production', async () => {
    const { run, logs } = await startContext();
    const here = new Error('here').stack!;
    await run((tasks) => tasks.addTask(failing));
    const line = lineOf(here) + 1;
    expect(logs.errors[0]).toMatch(
      new RegExp(`, added at .*failure-log\\.test\\.ts:${line}:\\d+\\)?\\): Error: no mail today`),
    );
  });

  it('names the place for a method and through with(), and for a task added by a task', async () => {
    const { run, logs } = await startContext({ options: { captureStackTraces: true } });
    await run((tasks) => {
      addMethod(tasks);
      tasks.addTask(addLater, tasks);
    });
    expect(logs.errors).toHaveLength(2);
    expect(logs.errors[0]).toMatch(/added at addMethod \(.*failure-log\.test\.ts/);
    expect(logs.errors[1]).toMatch(/added at addLater \(.*failure-log\.test\.ts/);
  });

  it('leaves the place out without captureStackTraces', async () => {
    const { run, logs } = await startContext({ options: { captureStackTraces: false } });
    await run((tasks) => tasks.addTask(failing));
    expect(logs.errors[0]).not.toContain('added at');
    expect(logs.errors[0]).toContain('no mail today');
  });

  it.each([
    { setting: 'unset', options: {}, isNamed: false },
    { setting: 'true', options: { captureStackTraces: true }, isNamed: true },
  ])('in production names the place only when asked to: captureStackTraces $setting', async ({ options, isNamed }) => {
    vi.stubEnv('NODE_ENV', 'production');
    const { run, logs } = await startContext({ options });
    vi.unstubAllEnvs();
    await run((tasks) => tasks.addTask(failing));
    expect(logs.errors[0]!.includes('added at')).toBe(isNamed);
  });

  it.each<[string, typeof Error.prepareStackTrace]>([
    ['throws', () => raise(undefined)],
    ['returns no text', (_, frames) => frames],
    ['returns nothing', () => undefined],
    ['returns a revoked proxy', () => revoked({})],
  ])('leaves the place out where the application formats stacks itself, and that %s', async (_, prepare) => {
    const { run, host, logs } = await startContext({ options: { captureStackTraces: true } });
    const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace')!;
    const restore = () => void Object.defineProperty(Error, 'prepareStackTrace', before);
    onTestFinished(restore);
    const error = new Error('no mail today');
    expect(error.stack).toContain('no mail today');

    Error.prepareStackTrace = prepare;
    await run((tasks) => tasks.addTask(() => raise(error)));
    restore();

    expect(logs.errors).toEqual([
      expect.stringMatching(/^Task "anonymous" failed \(id [^,]+, attempt 1, [^,]+ ms\): Error: no/),
    ]);
    expect(host.stats()).toMatchObject({ accepted: 1, failed: 1, running: 0 });
  });

  it('leaves the place out where nothing may change Error', async () => {
    const { run, host, logs } = await startContext({ options: { captureStackTraces: true } });
    const { stackTraceLimit } = Error;
    const limit = { value: stackTraceLimit, enumerable: true, configurable: true };
    Object.defineProperty(Error, 'stackTraceLimit', { ...limit, writable: false });
    onTestFinished(() => void Object.defineProperty(Error, 'stackTraceLimit', { ...limit, writable: true }));

    await run((tasks) => tasks.addTask(failing));

    expect(logs.errors[0]).toContain('Error: no mail today');
    expect(host.stats()).toMatchObject({ accepted: 1, failed: 1 });
  });

  it.each(['stack', 'cause'])('shows what can be read of an error whose %s throws', async (member) => {
    const { run, logs } = await startContext();

    await run((tasks) => tasks.addTask(() => raise(withGetter(new Error('no mail today'), member))));

    expect(logs.errors[0]).toMatch(/no mail today/);
  });

  it('leaves the depth of other stack traces as it was', async () => {
    const { run } = await startContext({ options: { captureStackTraces: true } });
    const before = Error.stackTraceLimit;
    onTestFinished(() => void (Error.stackTraceLimit = before));
    Error.stackTraceLimit = 33;
    await run((tasks) => tasks.addTask(() => undefined));
    expect(Error.stackTraceLimit).toBe(33);
  });

  it('never shows the arguments, nor do reports and the log of discarded tasks', async () => {
    const { run, logs, host } = await startContext({ options: { captureStackTraces: true } });
    const secret = { card: 'canary-4711', toString: () => 'canary-4711', toJSON: () => 'canary-4711' };
    const reports = await run((tasks) => {
      const failed = tasks.addTask((_: object, __: string) => failing(), secret, 'canary-4711');
      const discarded = tasks.with({ runOn: 'failure' }).addTask((_: object) => undefined, secret);
      const timedOut = tasks.with({ timeoutMs: 0 }).addTask((_: object) => new Promise<void>(() => undefined), secret);
      return Promise.resolve([failed.settled, discarded.settled, timedOut.settled]);
    });
    expect(host.stats()).toMatchObject({ failed: 1, discarded: 1, 'timed-out': 1 });
    expect(JSON.stringify(await Promise.all(reports))).not.toContain('canary');
    expect([...logs.errors, ...logs.warnings]).toHaveLength(3);
    expect([...logs.errors, ...logs.warnings].join('\n')).not.toContain('canary');
  });
});

function failing(): never {
  throw new Error('no mail today');
}

const mailer = { send: failing };

function addMethod(tasks: BackgroundTasks): void {
  tasks.with({ name: 'mail' }).addTask(mailer, 'send');
}

function addLater(tasks: BackgroundTasks): void {
  tasks.addTask(failing);
}

function lineOf(stack: string): number {
  return Number(/failure-log\.test\.ts:(\d+)/.exec(stack)![1]);
}
