import { describe, expect, it } from 'vitest';
import {
  type BackgroundTasks,
  BackgroundTasks as Token,
  type RetryOptions,
  type TaskOptions,
} from '../../src/index.js';
import { RecordingBackgroundTasks } from '../../src/testing/index.js';
import { startContext } from '../support/start-context.js';

describe('with(options)', () => {
  it('leaves the queue it came from without options', async () => {
    const { run } = await startContext();
    await run((tasks) => {
      const named = tasks.with({ name: 'named' });
      expect(tasks.addTask(work).name).toBe('work');
      expect(named.addTask(work).name).toBe('named');
      expect(tasks.addTask(work).name).toBe('work');
    });
  });

  it('adds its options to those it had, the later winning', async () => {
    const { run } = await startContext();
    const { kept, replaced, unset } = await run((tasks) => {
      const first = tasks.with({ name: 'first', runOn: 'failure' });
      return {
        kept: first.with({ timeoutMs: 1_000 }).addTask(work),
        replaced: first.with({ name: 'second', runOn: 'always' }).addTask(work),
        unset: first.with({ runOn: undefined } as unknown as TaskOptions).addTask(work),
      };
    });
    expect(kept).toMatchObject({ name: 'first', state: 'discarded' });
    expect(replaced).toMatchObject({ name: 'second', state: 'succeeded' });
    expect(unset).toMatchObject({ name: 'first', state: 'discarded' });
  });

  it('reads the options when it is called, not when the task is added', async () => {
    const { run } = await startContext();
    const options = { name: 'before', retry: { attempts: 1 } };
    const task = await run((tasks) => {
      const view = tasks.with(options);
      options.name = 'after';
      options.retry.attempts = 2;
      return view.addTask(() => Promise.reject(new Error('once')));
    });
    expect(await task.settled).toMatchObject({ name: 'before', attempts: 1 });
  });

  it('freezes the options, those of the retry included, and fills in its defaults', () => {
    const recorded = new RecordingBackgroundTasks();
    (recorded as BackgroundTasks)
      .with({ retry: { attempts: 2 } })
      .with({ name: 'frozen' })
      .addTask(work);
    const { options } = recorded.added[0]!;
    expect(Object.isFrozen(options)).toBe(true);
    expect(Object.isFrozen(options.retry)).toBe(true);
    expect(options).toEqual({
      name: 'frozen',
      retry: { attempts: 2, delayMs: 1_000, factor: 2, maxDelayMs: 30_000, jitter: 0.5 } satisfies RetryOptions,
    });
  });

  it('returns a BackgroundTasks', async () => {
    const { run } = await startContext();
    await run((tasks) => expect(tasks.with({})).toBeInstanceOf(Token));
  });
});

function work(): void {}
