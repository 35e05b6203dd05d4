import { describe, expect, it } from 'vitest';
import type { TaskOptions } from '../../src/index.js';
import { RecordingBackgroundTasks } from '../../src/testing/index.js';
import { badChoices, badDurations, type BadOption, badRetries, invalidOption } from '../support/bad-options.js';
import { startContext } from '../support/start-context.js';

const ALL = 'There is no such option; there are name, runOn, onAbort, timeoutMs, retry, dedupe.';

const bad: readonly BadOption[] = [
  ...badDurations('timeoutMs'),
  ...badChoices('runOn', ['success', 'failure', 'always']),
  ...badChoices('onAbort', ['run', 'skip']),
  ...badChoices('dedupe', ['keep-last', 'keep-first']),
  ...badRetries,
  ...[
    { value: '', received: '""' },
    { value: 7, received: '7' },
    { value: null, received: 'null' },
    { value: Symbol('name'), received: 'a symbol' },
  ].map(({ value, received }) => ({
    options: { name: value },
    option: 'name',
    received,
    fix: 'Give a string that is not empty.',
  })),
  { options: { runon: 'always' }, option: 'runon', received: 'a string', fix: ALL },
  { options: { concurrency: 2 }, option: 'concurrency', received: 'a number', fix: ALL },
  {
    options: JSON.parse('{"__proto__":{"name":"x"}}'),
    option: '__proto__',
    received: 'an instance of Object',
    fix: ALL,
  },
  { options: { toString: 1 }, option: 'toString', received: 'a number', fix: ALL },
  { options: { unknown: undefined }, option: 'unknown', received: 'undefined', fix: ALL },
  { options: null, option: 'options', received: 'null', fix: 'Give an object.' },
  { options: undefined, option: 'options', received: 'undefined', fix: 'Give an object.' },
  { options: [], option: 'options', received: 'an array', fix: 'Give an object.' },
  { options: 'always', option: 'options', received: '"always"', fix: 'Give an object.' },
  { options: 5, option: 'options', received: '5', fix: 'Give an object.' },
];

describe('a bad task option', () => {
  it('is INVALID_OPTION at with(), naming the option, the value and the fix', async () => {
    const { run, host } = await startContext();
    await run((tasks) => {
      for (const option of bad) {
        expect(() => tasks.with(option.options as TaskOptions)).toThrow(invalidOption(option));
        expect(() => tasks.with({ name: 'view' }).with(option.options as TaskOptions)).toThrow(invalidOption(option));
      }
    });
    expect(host.stats().accepted).toBe(0);
  });

  it('is the same error where tasks are recorded in a test', () => {
    for (const option of bad) {
      expect(() => new RecordingBackgroundTasks().with(option.options as TaskOptions)).toThrow(invalidOption(option));
    }
  });

  it('leaves the queue as it was', async () => {
    const { run } = await startContext();
    const task = await run((tasks) => {
      expect(() => tasks.with({ timeoutMs: NaN })).toThrow('"timeoutMs"');
      return tasks.addTask(() => undefined);
    });
    expect(task.state).toBe('succeeded');
  });

  it('is not shown when it may be a secret', async () => {
    const { run } = await startContext();
    await run((tasks) => {
      const secret = 'Bearer canary-4711 of somebody';
      for (const options of [{ runOn: secret }, { pasword: secret }, { timeoutMs: secret }]) {
        expect(() => tasks.with(options as unknown as TaskOptions)).toThrow(
          expect.objectContaining({ message: expect.not.stringContaining('canary') as string }),
        );
      }
    });
  });
});

describe('a good task option', () => {
  it.each<TaskOptions>([
    {},
    { name: 'x' },
    { timeoutMs: 0 },
    { timeoutMs: 0.5 },
    { timeoutMs: 2_147_483_647 },
    { retry: {} },
    { retry: { attempts: 1, delayMs: 0, factor: 1, maxDelayMs: 0, jitter: 0 } },
    { retry: { attempts: Infinity, factor: 1.5, jitter: 1 } },
    { name: undefined, runOn: undefined, retry: { attempts: undefined } } as unknown as TaskOptions,
  ])('is taken: %j', async (options) => {
    const { run } = await startContext();
    const task = await run((tasks) => tasks.with(options).addTask(() => Promise.resolve()));
    expect(task.state).toMatch(/succeeded|timed-out/);
  });
});
