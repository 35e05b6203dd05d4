import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { BackgroundTasksModule, type BackgroundTasksModuleOptions } from '../../src/index.js';
import {
  badChoices,
  badCounts,
  badDurations,
  type BadOption,
  badRetries,
  invalidOption,
} from '../support/bad-options.js';

type Options = BackgroundTasksModuleOptions;

const ALL =
  'There is no such option; there are onTaskFailure, concurrency, maxRunning, maxPending, overflow, timeoutMs, retry, ' +
  'shutdownTimeoutMs, disposeTimeoutMs, stalledClientTimeoutMs, captureStackTraces, lossNotice, maxPayloadBytes, ' +
  'captureContext, tracing, backend, keepReports, observers.';
const OBSERVERS = 'Give an array of objects that implement TaskObserver.';

const bad: readonly BadOption[] = [
  ...badChoices('onTaskFailure', ['continue', 'stop']),
  ...badChoices('overflow', ['reject', 'wait']),
  ...['concurrency', 'maxRunning', 'maxPending'].flatMap(badCounts),
  ...['timeoutMs', 'shutdownTimeoutMs', 'disposeTimeoutMs', 'stalledClientTimeoutMs'].flatMap(badDurations),
  ...badRetries,
  ...['captureStackTraces', 'lossNotice'].flatMap((option) =>
    ['yes', 1, 0, null].map((value) => ({
      options: { [option]: value },
      option,
      received: typeof value === 'string' ? JSON.stringify(value) : String(value),
      fix: 'Give true or false.',
    })),
  ),
  ...[0, 1.5, Infinity, '64KiB'].map((value) => ({
    options: { maxPayloadBytes: value },
    option: 'maxPayloadBytes',
    received: typeof value === 'string' ? JSON.stringify(value) : String(value),
    fix: 'Give a whole number of 1 or more.',
  })),
  {
    options: { captureContext: {} },
    option: 'captureContext',
    received: 'an instance of Object',
    fix: 'Give a function of the request.',
  },
  ...[{}, null, { headers: () => undefined }].map((value) => ({
    options: { tracing: value },
    option: 'tracing',
    received: value === null ? 'null' : 'an instance of Object',
    fix: 'Give an object that implements TaskTracing, such as openTelemetryTracing() returns.',
  })),
  { options: { observers: {} }, option: 'observers', received: 'an instance of Object', fix: OBSERVERS },
  { options: { observers: null }, option: 'observers', received: 'null', fix: OBSERVERS },
  { options: { observers: [null] }, option: 'observers', received: 'an array', fix: OBSERVERS },
  { options: { observers: ['log'] }, option: 'observers', received: 'an array', fix: OBSERVERS },
  { options: { maxpending: 5 }, option: 'maxpending', received: 'a number', fix: ALL },
  { options: { name: 'canary' }, option: 'name', received: 'a string', fix: ALL },
];

/** Options that are no options at all. */
const badWholes: readonly BadOption[] = [
  { value: null, received: 'null' },
  { value: [], received: 'an array' },
  { value: 5, received: '5' },
  { value: 'fast', received: '"fast"' },
].map(({ value, received }) => ({ options: value, option: 'options', received, fix: 'Give an object.' }));

describe.each<{ way: string; register: (options: unknown) => { imports: unknown[] } }>([
  { way: 'forRoot', register: (options) => ({ imports: [BackgroundTasksModule.forRoot(options as Options)] }) },
  {
    way: 'forRootAsync with useFactory',
    register: (options) => ({
      imports: [BackgroundTasksModule.forRootAsync({ useFactory: () => options as Options })],
    }),
  },
  {
    way: 'forRootAsync with an async useFactory',
    register: (options) => ({
      imports: [BackgroundTasksModule.forRootAsync({ useFactory: async () => options as Options })],
    }),
  },
  {
    way: 'forRootAsync with useClass',
    register: (options) => ({ imports: [BackgroundTasksModule.forRootAsync({ useClass: settingsWith(options) })] }),
  },
  {
    way: 'forRootAsync with useExisting',
    register(options) {
      const Settings = settingsWith(options);
      @Module({ providers: [Settings], exports: [Settings] })
      class SettingsModule {}
      return { imports: [BackgroundTasksModule.forRootAsync({ imports: [SettingsModule], useExisting: Settings })] };
    },
  },
])('a bad option of the module given to $way', ({ way, register }) => {
  it('is INVALID_OPTION at start-up, naming the option, the value and the fix', async () => {
    for (const option of bad) {
      await expect(start(() => register(option.options))).rejects.toEqual(invalidOption(option));
    }
  });

  it('is INVALID_OPTION when it is no object', async () => {
    for (const option of badWholes) {
      await expect(start(() => register(option.options))).rejects.toEqual(invalidOption(option));
    }
  });

  it('is INVALID_OPTION for isGlobal', async () => {
    const options = { isGlobal: 'yes' };
    const fix = way === 'forRoot' ? 'Give true or false.' : ALL;
    const received = way === 'forRoot' ? '"yes"' : 'a string';
    await expect(start(() => register(options))).rejects.toEqual(
      invalidOption({ options, option: 'isGlobal', received, fix }),
    );
  });
});

describe('a bad option beside the factory of forRootAsync', () => {
  it.each(['yes', 1, null])('is INVALID_OPTION for isGlobal: %s', async (isGlobal) => {
    const register = () => ({
      imports: [
        BackgroundTasksModule.forRootAsync({ isGlobal: isGlobal as unknown as boolean, useFactory: () => ({}) }),
      ],
    });
    await expect(start(register)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('"isGlobal"') as string,
    });
  });
});

describe('a good option of the module', () => {
  it.each<Options>([
    {},
    { concurrency: Infinity, maxRunning: Infinity, maxPending: Infinity },
    { timeoutMs: 0, shutdownTimeoutMs: 0, disposeTimeoutMs: 0, stalledClientTimeoutMs: 0 },
    { timeoutMs: 2_147_483_647 },
    { retry: { attempts: 1 }, observers: [] },
    { timeoutMs: undefined, retry: undefined, observers: undefined } as unknown as Options,
  ])('is taken: %j', async (options) => {
    await expect(start(() => ({ imports: [BackgroundTasksModule.forRoot(options)] }))).resolves.toBe('started');
  });

  it('may be left out altogether', async () => {
    await expect(start(() => ({ imports: [BackgroundTasksModule.forRoot()] }))).resolves.toBe('started');
  });
});

/** Compiles the application; what throws while the module is imported counts as start-up. */
async function start(register: () => { imports: unknown[] }): Promise<'started'> {
  await Test.createTestingModule(register() as { imports: [] }).compile();
  return 'started';
}

function settingsWith(options: unknown) {
  @Injectable()
  class Settings {
    createBackgroundTasksOptions(): Options {
      return options as Options;
    }
  }
  return Settings;
}
