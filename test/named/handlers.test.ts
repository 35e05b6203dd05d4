import { Inject, Injectable, type OnModuleInit, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { of, tap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksRef,
  currentTask,
  defineTask,
  type Handles,
  provideResource,
  type TaskContext,
  TaskHandler,
  TaskScopes,
} from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';
import { Timeline } from '../support/timeline.js';

const Work = defineTask<{ id: number }>({ name: 'work' });

class Session {
  constructor(readonly number: number) {}
}

let sessions = 0;
const sessionResource = provideResource({
  provide: Session,
  inject: [Timeline],
  async *useFactory(timeline: Timeline) {
    const opened = new Session(++sessions);
    try {
      yield opened;
      timeline.note('commit');
    } catch (error) {
      timeline.note(`rollback: ${(error as Error).message}`);
    } finally {
      timeline.note('close');
    }
  },
});

@TaskHandler(Work)
class WorkHandler implements Handles<typeof Work> {
  static seen: { session: Session; request: TaskContext; current: TaskContext }[] = [];
  static act: (tasks: BackgroundTasks, id: number) => unknown = () => undefined;

  constructor(
    private readonly timeline: Timeline,
    private readonly session: Session,
    private readonly tasks: BackgroundTasks,
    @Inject(REQUEST) private readonly request: TaskContext,
  ) {}

  async run({ id }: { id: number }): Promise<void> {
    WorkHandler.seen.push({ session: this.session, request: this.request, current: currentTask() });
    this.timeline.note(`run ${id}`);
    await WorkHandler.act(this.tasks, id);
  }
}

async function start(act: (tasks: BackgroundTasks, id: number) => unknown = () => undefined) {
  WorkHandler.seen = [];
  WorkHandler.act = act;
  const { app, logs } = await startContext({ providers: [Timeline, sessionResource, WorkHandler] });
  return {
    scopes: app.get(TaskScopes),
    host: app.get(BackgroundTasksHost),
    events: app.get(Timeline).events,
    logs,
  };
}

describe('B27 the handler of a named task', () => {
  it('has a scope of its own for each run, disposed after its tasks', async () => {
    const { scopes, events } = await start((tasks, id) => tasks.addTask(() => void events.push(`after ${id}`)));
    await scopes.run(({ tasks }) => {
      tasks.enqueue(Work, { id: 1 });
      tasks.enqueue(Work, { id: 2 });
    });
    expect(events).toEqual(['run 1', 'after 1', 'commit', 'close', 'run 2', 'after 2', 'commit', 'close']);
    expect(WorkHandler.seen[0]!.session).not.toBe(WorkHandler.seen[1]!.session);
  });

  it('is injected its TaskContext as REQUEST, the same that currentTask() gives', async () => {
    const { scopes } = await start();
    const task = await scopes.run(({ tasks }) => tasks.enqueue(Work, { id: 1 }));
    const { request, current } = WorkHandler.seen[0]!;
    expect(request).toBe(current);
    expect(request).toMatchObject({ id: task.id, name: 'work', attempt: 1, outcome: { succeeded: true } });
  });

  it('has its error thrown into its resources, and its task fails', async () => {
    const { scopes, events } = await start(() => {
      throw new Error('no paper');
    });
    const task = await scopes.run(({ tasks }) => tasks.enqueue(Work, { id: 1 }));
    expect(events).toEqual(['run 1', 'rollback: no paper', 'close']);
    expect(await task.settled).toMatchObject({ name: 'work', state: 'failed', error: new Error('no paper') });
  });

  it('is tried again as the definition says, with a payload and a scope of its own each time', async () => {
    const Retried = defineTask<{ list: number[] }>({ name: 'retried', retry: { attempts: 3, delayMs: 0 } });
    const seen: unknown[] = [];
    @TaskHandler(Retried)
    class RetriedHandler implements Handles<typeof Retried> {
      constructor(@Inject(REQUEST) private readonly request: TaskContext) {}

      run({ list }: { list: number[] }): void {
        seen.push([this.request.attempt, [...list]]);
        list.push(0);
        if (this.request.attempt < 3) throw new Error('again');
      }
    }
    const { app } = await startContext({ providers: [RetriedHandler] });
    const task = await app.get(TaskScopes).run(({ tasks }) => tasks.enqueue(Retried, { list: [1] }));
    expect(seen).toEqual([
      [1, [1]],
      [2, [1]],
      [3, [1]],
    ]);
    expect(await task.settled).toMatchObject({ state: 'succeeded', attempts: 3 });
  });

  it('may be a singleton, and return an Observable', async () => {
    const Watched = defineTask<string>({ name: 'watched' });
    const seen: string[] = [];
    @TaskHandler(Watched)
    class WatchedHandler implements Handles<typeof Watched>, OnModuleInit {
      onModuleInit(): void {
        seen.push('built');
      }

      run(text: string) {
        return of(text).pipe(tap((value) => seen.push(value)));
      }
    }
    const { app } = await startContext({ providers: [WatchedHandler] });
    await app.get(TaskScopes).run(({ tasks }) => {
      tasks.enqueue(Watched, 'a');
      tasks.enqueue(Watched, 'b');
    });
    expect(seen).toEqual(['built', 'a', 'b']);
  });

  it('reaches its own tasks through BackgroundTasksRef, after an await as well', async () => {
    const Reached = defineTask<null>({ name: 'reached' });
    const events: string[] = [];
    @TaskHandler(Reached)
    class ReachedHandler implements Handles<typeof Reached> {
      constructor(private readonly ref: BackgroundTasksRef) {}

      async run(): Promise<void> {
        await Promise.resolve();
        this.ref.current.addTask(() => void events.push('added'));
        events.push('ran');
      }
    }
    const { app } = await startContext({ providers: [ReachedHandler] });
    await app.get(TaskScopes).run(({ tasks }) => {
      tasks.enqueue(Reached, null);
      tasks.addTask(() => void events.push('next'));
    });
    expect(events).toEqual(['ran', 'added', 'next']);
  });

  it('needs no slot for what it adds: maxRunning 1 does not block it', async () => {
    const Nested = defineTask<null>({ name: 'nested' });
    const events: string[] = [];
    @TaskHandler(Nested)
    @Injectable({ scope: Scope.REQUEST })
    class NestedHandler implements Handles<typeof Nested> {
      constructor(private readonly tasks: BackgroundTasks) {}

      run(): void {
        this.tasks.addTask(() => void events.push('inner'));
      }
    }
    const { app } = await startContext({ providers: [NestedHandler], options: { maxRunning: 1 } });
    await app.get(TaskScopes).run(({ tasks }) => void tasks.enqueue(Nested, null));
    expect(events).toEqual(['inner']);
  });

  it('stops at the time limit of its definition', async () => {
    const Endless = defineTask<null>({ name: 'endless', timeoutMs: 20 });
    const aborted = deferred<string>();
    const gate = deferred();
    @TaskHandler(Endless)
    class EndlessHandler implements Handles<typeof Endless> {
      run(): Promise<void> {
        const { signal } = currentTask();
        signal.addEventListener('abort', () => aborted.resolve((signal.reason as Error).name));
        return gate.promise;
      }
    }
    const { app } = await startContext({ providers: [EndlessHandler] });
    const task = await app.get(TaskScopes).run(({ tasks }) => tasks.enqueue(Endless, null));
    expect(await aborted.promise).toBe('TimeoutError');
    expect(await task.settled).toMatchObject({ state: 'timed-out' });
    gate.resolve();
  });

  it('gives back what it holds at its time limit, though it never settles', async () => {
    const Endless = defineTask<null>({ name: 'endless', timeoutMs: 20 });
    @TaskHandler(Endless)
    class EndlessHandler implements Handles<typeof Endless> {
      constructor(readonly session: Session) {}

      run(): Promise<void> {
        return new Promise(() => undefined);
      }
    }
    const { app } = await startContext({ providers: [Timeline, sessionResource, EndlessHandler] });

    const task = await app.get(TaskScopes).run(({ tasks }) => tasks.enqueue(Endless, null));
    expect(await task.settled).toMatchObject({ state: 'timed-out' });
    await app.get(BackgroundTasksHost).onIdle();

    expect(app.get(Timeline).events).toEqual([
      expect.stringContaining('rollback: Task "endless" took longer'),
      'close',
    ]);
  });

  it('gives back what it holds when it is abandoned at shutdown, though it never settles', async () => {
    const begun = deferred();
    @TaskHandler(Work)
    class StuckHandler implements Handles<typeof Work> {
      constructor(readonly session: Session) {}

      run(): Promise<void> {
        begun.resolve();
        return new Promise(() => undefined);
      }
    }
    const { app, logs } = await startContext({
      providers: [Timeline, sessionResource, StuckHandler],
      options: { shutdownTimeoutMs: 50 },
    });
    const ran = app.get(TaskScopes).run(({ tasks }) => void tasks.enqueue(Work, { id: 1 }));
    await begun.promise;

    await app.get(BackgroundTasksHost).drain();
    await ran;
    await app.get(BackgroundTasksHost).onIdle();

    expect(app.get(Timeline).events).toEqual(['rollback: The application has shut down.', 'close']);
    expect(logs.errors.filter((line) => line.includes('"work"'))).toHaveLength(1);
  });

  it('is run although another unit of work that enqueued the same key fails', async () => {
    const { scopes, events } = await start();
    const keyed = { idempotencyKey: 'order-1' };
    const gate = deferred();
    const failing = scopes.run(async ({ tasks }) => {
      tasks.enqueue(Work, { id: 1 }, keyed);
      await gate.promise;
      throw new Error('no');
    });
    const withdrawing = scopes.run(async ({ tasks }) => {
      const task = tasks.enqueue(Work, { id: 2 }, keyed);
      await gate.promise;
      expect(task.cancel()).toBe(true);
    });

    await scopes.run(({ tasks }) => void tasks.enqueue(Work, { id: 3 }, keyed));
    gate.resolve();
    await expect(failing).rejects.toThrow('no');
    await withdrawing;

    expect(events.filter((event) => event.startsWith('run'))).toEqual(['run 3']);
  });

  it('is run once for two units of work that enqueued the same key and both succeeded', async () => {
    const gate = deferred();
    const { scopes, events } = await start(() => gate.promise);
    const enqueue = (id: number) =>
      scopes.run(({ tasks }) => tasks.enqueue(Work, { id }, { idempotencyKey: 'order-1' }));

    const first = enqueue(1);
    const second = await enqueue(2);
    gate.resolve();
    await first;

    expect(await second.settled).toMatchObject({ state: 'discarded' });
    expect(events.filter((event) => event.startsWith('run'))).toEqual(['run 1']);
  });

  it('is run once for two tasks of one idempotency key, while the first has not ended', async () => {
    const { scopes, events } = await start();
    const [first, second, other] = await scopes.run(({ tasks }) => [
      tasks.enqueue(Work, { id: 1 }, { idempotencyKey: 'order-1' }),
      tasks.enqueue(Work, { id: 1 }, { idempotencyKey: 'order-1' }),
      tasks.enqueue(Work, { id: 2 }, { idempotencyKey: 'order-2' }),
    ]);
    expect(second).toBe(first);
    expect(other).not.toBe(first);
    expect(events.filter((event) => event.startsWith('run'))).toEqual(['run 1', 'run 2']);
    await scopes.run(({ tasks }) => void tasks.enqueue(Work, { id: 3 }, { idempotencyKey: 'order-1' }));
    expect(events).toContain('run 3');
  });

  it('is not run when the task that enqueued it fails', async () => {
    const { scopes, events, host, logs } = await start();
    await scopes.run(({ tasks }) => {
      tasks.addTask(function sends() {
        tasks.enqueue(Work, { id: 1 });
      });
      tasks.addTask(function breaks() {
        tasks.enqueue(Work, { id: 2 });
        throw new Error('no');
      });
    });
    expect(events.filter((event) => event.startsWith('run'))).toEqual(['run 1']);
    expect(host.stats()).toMatchObject({ accepted: 4, succeeded: 2, failed: 1, discarded: 1, waiting: 0, running: 0 });
    expect(logs.warnings).toEqual([expect.stringContaining('Discarded "work": task "breaks" did not succeed.')]);
  });

  it('can be withdrawn while it waits', async () => {
    const { scopes, events } = await start();
    await scopes.run(({ tasks }) => {
      const task = tasks.enqueue(Work, { id: 1 });
      expect(tasks.pending).toContain(task);
      expect(task.cancel()).toBe(true);
      tasks.enqueue(Work, { id: 2 });
      expect(tasks.cancel('work')).toBe(true);
    });
    expect(events).toEqual([]);
  });
});
