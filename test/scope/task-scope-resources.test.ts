import { ConflictException } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasksModule, TaskScopes } from '../../src/index.js';
import { useTimeline } from '../support/timeline.js';
import { recordedResource, type RecordedResourceSettings } from '../support/recorded-resource.js';
import { startContext } from '../support/start-context.js';

const timeline = useTimeline();
const resource = (settings: RecordedResourceSettings) => recordedResource(timeline, settings);

describe('B26 resources in a unit of work', () => {
  it('exit in their phase: before the tasks, or after them', async () => {
    const { app } = await startContext({
      providers: [
        resource({ provide: 'lasting' }),
        resource({ provide: 'early', release: 'before-response', inject: ['lasting'] }),
      ],
    });

    await app.get(TaskScopes).run(async (scope) => {
      await scope.resolve('early');
      scope.tasks.addTask(() => timeline.note('task'));
    });

    expect(timeline.events).toEqual([
      'lasting opened',
      'early opened',
      'early committed',
      'early released',
      'task',
      'lasting committed',
      'lasting released',
    ]);
  });

  it('are thrown the error of the work, dependents first', async () => {
    const { app } = await startContext({
      providers: [resource({ provide: 'base' }), resource({ provide: 'top', inject: ['base'] })],
    });
    const failure = new Error('work failed');

    const running = app.get(TaskScopes).run(async (scope) => {
      await scope.resolve('top');
      throw failure;
    });

    await expect(running).rejects.toBe(failure);
    expect(timeline.events).toEqual([
      'base opened',
      'top opened',
      'top rolled back: work failed',
      'top released',
      'base rolled back: work failed',
      'base released',
    ]);
  });

  it('reject the unit with a failed before-response commit, which is thrown into the others', async () => {
    const { app } = await startContext({
      providers: [
        resource({ provide: 'base' }),
        resource({
          provide: 'top',
          inject: ['base'],
          release: 'before-response',
          commit: () => Promise.reject(new ConflictException('taken')),
        }),
      ],
    });

    const running = app.get(TaskScopes).run(async (scope) => {
      await scope.resolve('top');
      scope.tasks.addTask(() => timeline.note('task on success'));
      return 'never';
    });

    await expect(running).rejects.toThrow('taken');
    expect(timeline.events.slice(2)).toEqual([
      'top rolled back: taken',
      'top released',
      'base rolled back: taken',
      'base released',
    ]);
  });

  it('replace the error of the work when a before-response exit throws a different one', async () => {
    const { app } = await startContext({
      providers: [
        resource({
          provide: 'top',
          release: 'before-response',
          rollback: () => Promise.reject(new Error('a different one')),
        }),
      ],
    });

    const running = app.get(TaskScopes).run(async (scope) => {
      await scope.resolve('top');
      throw new Error('work failed');
    });

    await expect(running).rejects.toThrow('a different one');
  });

  it('do not change what the unit resolves with when their after-tasks exit fails', async () => {
    const { app, logs } = await startContext({
      providers: [resource({ provide: 'top', commit: () => Promise.reject(new Error('too late')) })],
    });

    const result = await app.get(TaskScopes).run(async (scope) => {
      await scope.resolve('top');
      return 'result';
    });

    expect(result).toBe('result');
    expect(logs.errors).toEqual([expect.stringMatching(/^Disposal of top failed after a unit of work: .*too late/)]);
  });

  it('keep their order in a testing module that was not initialised', async () => {
    const module = await Test.createTestingModule({
      imports: [BackgroundTasksModule.forRoot()],
      providers: [
        resource({ provide: 'top', inject: ['other', 'base'] }),
        resource({ provide: 'base' }),
        resource({ provide: 'other', inject: ['base'] }),
      ],
    }).compile();
    onTestFinished(() => module.close());

    await module.get(TaskScopes).run(async (scope) => {
      await scope.resolve('base');
      await scope.resolve('top');
    });

    expect(timeline.events.filter((entry) => entry.endsWith('committed'))).toEqual([
      'top committed',
      'other committed',
      'base committed',
    ]);
  });
});
