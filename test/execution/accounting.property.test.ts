import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BackgroundTask, BackgroundTasks, BackgroundTasksModuleOptions, TaskOptions } from '../../src/index.js';
import { Accounts } from '../support/accounts.js';
import { createContext } from '../support/start-context.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

interface PlannedTask {
  readonly kind:
    'sync' | 'async' | 'throws' | 'rejects' | 'throws undefined' | 'slow' | 'never settles' | 'settles late';
  readonly options: TaskOptions;
  /** What it adds while it runs. */
  readonly adds: readonly PlannedTask[];
  /** The name of the tasks that it cancels while it runs. */
  readonly cancels: string | undefined;
}

interface PlannedUnit {
  readonly tasks: readonly PlannedTask[];
  readonly cancels: string | undefined;
  readonly ends: 'returns' | 'throws' | 'returns later';
}

describe('B16 whatever happens', () => {
  afterEach(() => void vi.useRealTimers());

  it('every task ends in exactly one state, and the counts add up at every event', async () => {
    const rejections = new UnhandledRejections();
    await fc.assert(fc.asyncProperty(settings, fc.array(unit, { minLength: 1, maxLength: 6 }), shutdown, carryOut), {
      numRuns: 300,
      // The time limit of a run, set before it begins, is a real one.
      plugins: [fc.timeout(2_000), fc.beforeEach(() => void vi.useRealTimers())],
      ...(process.env.FAULT_SEED ? { seed: Number(process.env.FAULT_SEED) } : undefined),
    });
    expect(await rejections.count()).toBe(0);
  }, 240_000);
});

async function carryOut(
  options: BackgroundTasksModuleOptions,
  plan: readonly PlannedUnit[],
  shutdownAt: number | undefined,
): Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const accounts = new Accounts();
  const { app, host, scopes } = await createContext({ options: { ...options, observers: [accounts] } });
  accounts.host = host;
  const handles: BackgroundTask[] = [];
  const works = plan.map((planned, index) =>
    scopes.run(async ({ tasks }) => {
      await pause(index);
      addAll(tasks, planned.tasks, handles);
      if (planned.cancels) tasks.cancel(planned.cancels);
      accounts.check('added');
      if (planned.ends === 'returns later') await pause(10);
      if (planned.ends === 'throws') throw new Error('the unit of work failed');
    }),
  );
  const ended = Promise.allSettled(works);
  if (shutdownAt !== undefined) await vi.advanceTimersByTimeAsync(shutdownAt);
  const drained = host.drain({ timeoutMs: shutdownAt === undefined ? 10_000 : 50 });
  await vi.advanceTimersByTimeAsync(10_000);
  await Promise.all([ended, drained]);
  await accounts.close(handles);
  await app.close();
  expect(accounts.violations).toEqual([]);
  expect(host.stats()).toMatchObject({ waiting: 0, running: 0 });
}

function addAll(tasks: BackgroundTasks, plan: readonly PlannedTask[], handles: BackgroundTask[]): void {
  for (const planned of plan) {
    const work = () => {
      addAll(tasks, planned.adds, handles);
      if (planned.cancels) tasks.cancel(planned.cancels);
      return behaviours[planned.kind]();
    };
    try {
      handles.push(tasks.with(planned.options).addTask(work));
    } catch (error) {
      // The other refusals would be surprises.
      if (!['QUEUE_FULL', 'SCOPE_CLOSED', 'SHUTTING_DOWN'].includes((error as { code: string }).code)) throw error;
    }
  }
}

const behaviours: Record<PlannedTask['kind'], () => unknown> = {
  sync: () => 1,
  async: () => Promise.resolve(),
  throws: () => {
    throw new Error('thrown');
  },
  rejects: () => Promise.reject(new Error('rejected')),
  'throws undefined': () => {
    throw undefined;
  },
  slow: () => pause(8),
  'never settles': () => new Promise(() => undefined),
  'settles late': () => pause(40).then(() => Promise.reject(new Error('late'))),
};

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const name = fc.constantFrom('a', 'b', 'c');
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 1 });
const retry = fc.record({ attempts: fc.integer({ min: 1, max: 3 }), delayMs: fc.integer({ min: 0, max: 20 }) });

const taskOptions = fc.record(
  {
    name,
    runOn: fc.constantFrom('success' as const, 'failure' as const, 'always' as const),
    onAbort: fc.constantFrom('run' as const, 'skip' as const),
    timeoutMs: fc.integer({ min: 0, max: 30 }),
    retry,
    dedupe: fc.constantFrom('keep-last' as const, 'keep-first' as const),
  },
  { requiredKeys: [] },
);

const taskThatAdds = (adds: fc.Arbitrary<readonly PlannedTask[]>): fc.Arbitrary<PlannedTask> =>
  fc.record({
    kind: fc.constantFrom<PlannedTask['kind']>(...(Object.keys(behaviours) as PlannedTask['kind'][])),
    options: taskOptions,
    adds,
    cancels: maybe(name),
  });
const leaf = taskThatAdds(fc.constant([]));
const task = taskThatAdds(fc.array(taskThatAdds(fc.array(leaf, { maxLength: 2 })), { maxLength: 2 }));

const unit: fc.Arbitrary<PlannedUnit> = fc.record({
  tasks: fc.array(task, { maxLength: 8 }),
  cancels: maybe(name),
  ends: fc.constantFrom('returns' as const, 'throws' as const, 'returns later' as const),
});

const settings: fc.Arbitrary<BackgroundTasksModuleOptions> = fc.record(
  {
    onTaskFailure: fc.constantFrom('continue' as const, 'stop' as const),
    concurrency: fc.integer({ min: 1, max: 3 }),
    maxRunning: fc.integer({ min: 1, max: 3 }),
    maxPending: fc.integer({ min: 1, max: 12 }),
    overflow: fc.constantFrom('reject' as const, 'wait' as const),
    timeoutMs: fc.integer({ min: 0, max: 30 }),
    retry,
  },
  { requiredKeys: [] },
);

/** Milliseconds after which the application is shut down in haste. */
const shutdown = maybe(fc.integer({ min: 0, max: 60 }));
