import { Controller, Get, Res } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { type EnqueuedTask, TaskBackend } from '../../src/backend/index.js';
import {
  type BackgroundTask,
  BackgroundTasks,
  BackgroundTasksHost,
  defineTask,
  type Handles,
  TaskHandler,
  Tasks,
} from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { platforms, startApp } from '../support/platforms.js';
import { createContext, startContext } from '../support/start-context.js';
import { useTimeline } from '../support/timeline.js';
import { until } from '../support/until.js';

const timeline = useTimeline();
const Work = defineTask<string>({ name: 'work' });

@TaskHandler(Work)
class WorkHandler implements Handles<typeof Work> {
  run(what: string): void {
    timeline.note(what);
  }
}

class Backend extends TaskBackend {
  readonly batches: (readonly EnqueuedTask[])[] = [];
  override accept(batch: readonly EnqueuedTask[]): Promise<void> | void {
    this.batches.push(batch);
  }
}

class Throwing extends Backend {
  override accept(): never {
    throw new Error('refused');
  }
}

let handle!: BackgroundTask;

@Controller()
class WorkController {
  @Get()
  enqueue(@Tasks() tasks: BackgroundTasks) {
    handle = tasks.enqueue(Work, 'a');
  }

  @Get('own')
  answer(@Tasks() tasks: BackgroundTasks, @Res() response: { send(body: string): void }) {
    handle = tasks.enqueue(Work, 'a');
    response.send('ok');
  }
}

describe.each(platforms)('B29 a backend that throws at once, on $name', (platform) => {
  it.each(['/', '/own'])('fails the tasks of %s, gives their permits back and lets the scope end', async (path) => {
    const { app, url } = await startApp(platform, {
      options: { backend: new Throwing(), maxPending: 1 },
      controllers: [WorkController],
      providers: [WorkHandler],
    });

    for (let i = 0; i < 3; i++) await fetch(url + path);
    await settled(app, { throwOnFailure: false });

    expect(handle.state).toBe('failed');
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 3, failed: 3, waiting: 0 });
  });
});

describe('B29 a backend of one’s own', () => {
  it('fails a follow-up when it throws at once', async () => {
    const { run, host } = await startContext({ options: { backend: new Throwing() }, providers: [WorkHandler] });

    await run((tasks) => void tasks.addTask(() => void tasks.enqueue(Work, 'a')));

    expect(host.stats()).toMatchObject({ succeeded: 1, failed: 1, waiting: 0 });
  });

  it('is not heard when it wants to run a task here after it has accepted it', async () => {
    const backend = new Backend();
    const { run, host } = await startContext({ options: { backend }, providers: [WorkHandler] });
    const gate = deferred();
    const unit = run((tasks) => {
      tasks.enqueue(Work, 'a');
      tasks.addTask(() => gate.promise);
    });
    await until('the other task runs', () => host.stats().running === 1);

    backend.batches[0]![0]!.runHere();
    gate.resolve();
    await unit;

    expect(host.stats()).toMatchObject({ enqueued: 1, succeeded: 1, waiting: 0, running: 0 });
    expect(timeline.events).toEqual([]);
  });

  it.each([
    ['throws', () => raise()],
    ['rejects', async () => raise()],
  ])('does not cut the drain short when its pause() %s', async (_how, pause) => {
    const backend = Object.assign(new Backend(), { pause });
    const { app, run, logs } = await createContext({ options: { backend } });
    const gate = deferred();
    const unit = run((tasks) => void tasks.addTask(() => gate.promise.then(() => timeline.note('done'))));

    const closing = app.close();
    gate.resolve();
    await Promise.all([closing, unit]);

    expect(timeline.events).toEqual(['done']);
    expect(logs.errors).toEqual([expect.stringContaining('The backend failed to pause')]);
  });

  it('stops the start-up when its start() rejects', async () => {
    const backend = Object.assign(new Backend(), { start: async () => raise() });

    await expect(createContext({ options: { backend } })).rejects.toThrow('broken');
  });

  it('leaves what it never answers for to the shutdown deadline, which abandons and names it', async () => {
    const backend = Object.assign(new Backend(), { accept: () => deferred().promise });
    const { app, run, host, logs } = await createContext({
      options: { backend, shutdownTimeoutMs: 20 },
      providers: [WorkHandler],
    });
    void run((tasks) => void (handle = tasks.enqueue(Work, 'a'))).catch(() => undefined);
    await until('the task waits', () => host.stats().waiting === 1);

    await app.close();

    expect(handle.state).toBe('abandoned');
    expect(host.stats()).toMatchObject({ abandoned: 1, waiting: 0, running: 0 });
    expect(logs.errors).toEqual([expect.stringContaining('"work"')]);
  });

  it.each([{}, { accept: () => undefined }])('is INVALID_OPTION at start-up as %j', async (backend) => {
    const provided = createContext({ providers: [{ provide: TaskBackend, useValue: backend }] });

    await expect(provided).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(createContext({ options: { backend: backend as unknown as TaskBackend } })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
    });
  });
});

describe('B16 follow-ups', () => {
  it('of an attempt that fails are discarded, and those of the attempt that succeeds run', async () => {
    const { run, host } = await startContext({ providers: [WorkHandler] });
    let attempts = 0;

    await run((tasks) => {
      tasks.with({ retry: { attempts: 2, delayMs: 0 } }).addTask(() => {
        tasks.enqueue(Work, `of attempt ${++attempts}`);
        if (attempts === 1) raise();
      });
    });

    expect(timeline.events).toEqual(['of attempt 2']);
    expect(host.stats()).toMatchObject({ succeeded: 2, discarded: 1 });
  });

  it('are of the task whose code enqueues them, not of one that runs by then', async () => {
    const { run } = await startContext({ providers: [WorkHandler] });
    const second = deferred();
    const enqueued = deferred();

    await run((tasks) => {
      tasks.addTask(() => {
        void second.promise.then(() => {
          tasks.enqueue(Work, 'of the first');
          enqueued.resolve();
        });
      });
      tasks.addTask(async () => {
        second.resolve();
        await enqueued.promise;
        raise();
      });
    });

    expect(timeline.events).toEqual(['of the first']);
  });

  it('are abandoned with their task at the deadline, in one log line', async () => {
    const { app, run, host, logs } = await createContext({
      options: { shutdownTimeoutMs: 20 },
      providers: [WorkHandler],
    });
    void run((tasks) => {
      tasks.addTask(() => {
        handle = tasks.enqueue(Work, 'a');
        return deferred().promise;
      });
    });
    await until('the task runs', () => host.stats().running === 1);

    await app.close();

    expect(handle.state).toBe('abandoned');
    expect(logs.errors).toHaveLength(1);
    expect(logs.warnings).toEqual([]);
  });
});

describe('B25 a handler that a test overrides', () => {
  it('is the override', async () => {
    const { run } = await startContext({
      providers: [{ provide: WorkHandler, useValue: { run: () => timeline.note('override') } }],
    });

    await run((tasks) => void tasks.enqueue(Work, 'a'));

    expect(timeline.events).toEqual(['override']);
  });
});

function raise(): never {
  throw new Error('broken');
}
