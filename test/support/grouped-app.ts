import { Injectable, type Provider } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqOptions, BullMqTasks } from '../../src/bullmq/index.js';
import {
  BackgroundTasks,
  type BackgroundTaskGroup,
  type BackgroundTasksModuleOptions,
  currentTask,
  defineTask,
  type EndedTask,
  type Handles,
  type HandlesBatch,
  type NamedTaskReport,
  TaskHandler,
  TaskReports,
} from '../../src/index.js';
import { deferred } from './deferred.js';
import { type RunningContext, startContext } from './start-context.js';
import type { TestServer } from './test-server.js';
import { Timeline } from './timeline.js';
import { until } from './until.js';

/** A task of a group, which does what its payload says. */
export const Part = defineTask<{ act: string }>({ name: 'part', retry: { attempts: 2, delayMs: 1, jitter: 0 } });
/** One whose definition says what a group ignores. */
export const Picky = defineTask<{ act: string }>({ name: 'picky', runOn: 'failure', dedupe: 'keep-last' });
/** One that runs in batches. */
export const Row = defineTask<{ act: string }>({ name: 'row', batch: { maxSize: 2, maxWaitMs: 5 } });
/** The task that runs when all have ended. */
export const Whole = defineTask<{ album: number }>({ name: 'whole' });

/** What the handlers did. */
@Injectable()
export class Group extends Timeline {
  readonly held = deferred();
  /** What each `then` found. */
  readonly ends: (readonly EndedTask[])[] = [];

  async act(act: string): Promise<{ act: string }> {
    this.note(act);
    if (act === 'fail') throw Object.assign(new RangeError('too large'), { code: 'TOO_LARGE' });
    if (act === 'stuck') await new Promise(() => undefined);
    if (act === 'hold') {
      const { signal } = currentTask();
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
      await Promise.race([this.held.promise, aborted]);
    }
    return { act };
  }
}

@TaskHandler(Part)
class PartHandler implements Handles<typeof Part> {
  constructor(private readonly group: Group) {}

  run({ act }: { act: string }): Promise<unknown> {
    return this.group.act(act);
  }
}

@TaskHandler(Picky)
class PickyHandler implements Handles<typeof Picky> {
  constructor(private readonly group: Group) {}

  run({ act }: { act: string }): Promise<unknown> {
    return this.group.act(act);
  }
}

@TaskHandler(Row)
class RowHandler implements HandlesBatch<typeof Row> {
  constructor(private readonly group: Group) {}

  runBatch(rows: readonly { act: string }[]): void {
    for (const { act } of rows) this.group.note(act);
  }
}

@TaskHandler(Whole)
class WholeHandler implements Handles<typeof Whole> {
  constructor(
    private readonly group: Group,
    private readonly tasks: BackgroundTasks,
  ) {}

  run({ album }: { album: number }): { album: number } {
    this.group.note(`whole ${album}`);
    this.group.ends.push(currentTask().group!);
    if (album === 2) this.tasks.enqueue(Part, { act: 'after' });
    return { album };
  }
}

export const handlers: Provider[] = [PartHandler, PickyHandler, RowHandler, WholeHandler];

/** An application that enqueues groups and runs them, on a server or by itself. */
export interface GroupedApp extends Pick<RunningContext, 'app' | 'host' | 'logs'> {
  readonly group: Group;
  readonly reports: TaskReports;
  /** Calls `add` in a unit of work. Resolves with what it returned, before its tasks have run. */
  readonly enqueue: <T>(add: (tasks: BackgroundTasks) => T) => Promise<T>;
  /** Enqueues a group of {@link Part}. */
  readonly enqueueParts: (acts: readonly string[], album?: number) => Promise<BackgroundTaskGroup>;
  /** Resolves with the report once it has ended. */
  readonly ended: (task: { readonly id: string }) => Promise<NamedTaskReport>;
  readonly operations: BullMqTasks;
}

export async function startGrouped(
  server?: TestServer,
  options: BackgroundTasksModuleOptions = {},
  bullMq: Partial<BullMqOptions> = {},
  more: readonly Provider[] = [],
): Promise<GroupedApp> {
  const group = new Group();
  const providers = [{ provide: Group, useValue: group }, ...handlers, ...more];
  const settings = { ...server?.options, queueName: `group-${randomUUID()}`, worker: { concurrency: 3 }, ...bullMq };
  const imports = server ? [BullMqBackgroundTasksModule.forRoot(settings as BullMqOptions)] : [];
  const { app, host, logs, run } = await startContext({
    imports,
    providers,
    options: { keepReports: 100, concurrency: 3, ...options },
  });
  if (server) {
    const backend = app.get(BullMqBackend);
    await until('the server is ready', () => backend.unavailableBecause === undefined);
  }
  // Or what holds would keep the application open.
  onTestFinished(() => group.held.resolve());
  const reports = app.get(TaskReports);
  const enqueue = async <T>(add: (tasks: BackgroundTasks) => T): Promise<T> => {
    const added = deferred<T>();
    const ran = run((tasks) => added.resolve(add(tasks)));
    // Without a backend, the end of the unit of work is that of its tasks.
    if (server) await ran;
    else ran.catch((error: unknown) => added.reject(error));
    return added.promise;
  };
  return {
    app,
    host,
    logs,
    group,
    reports,
    enqueue,
    enqueueParts: (acts, album = 1) =>
      enqueue((tasks) =>
        tasks.enqueueGroup(
          acts.map((act) => ({ definition: Part, payload: { act } })),
          { then: Whole, payload: { album } },
        ),
      ),
    ended: async ({ id }) => {
      let last: NamedTaskReport | undefined;
      await until(`task ${id} has ended`, async () => {
        last = await reports.find(id);
        return last?.endedAt !== undefined;
      });
      return last!;
    },
    get operations() {
      return app.get(BullMqTasks);
    },
  };
}
