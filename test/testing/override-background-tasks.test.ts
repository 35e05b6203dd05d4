import { Controller, Get, Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import {
  type BackgroundTask,
  type BackgroundTaskGroup,
  BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksRef,
  Tasks,
  TaskScopes,
} from '../../src/index.js';
import { RecordingBackgroundTasks, settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { type AppSettings, platforms, startApp } from '../support/platforms.js';

const timeline = useTimeline();
const waysIn = ['constructor', 'decorator', 'reference'];

describe.each(platforms)('B25 overriding BackgroundTasks on $name', (platform) => {
  const start = (override: NonNullable<AppSettings['override']>) =>
    startApp(platform, {
      controllers: [ConstructorController, DecoratorController, ReferenceController],
      providers: [Audit],
      override,
    });

  it.each(waysIn)('with a value reaches the %s', async (way) => {
    const recorded = new RecordingBackgroundTasks();
    const { app, url } = await start((builder) => builder.overrideProvider(BackgroundTasks).useValue(recorded));

    const { status } = await fetchText(`${url}/${way}`);
    await settled(app);

    expect(status).toBe(200);
    recorded.assertAdded(note, way);
    expect(timeline.events).toEqual([]);
    expect(app.get(BackgroundTasksHost).stats().accepted).toBe(0);
  });

  it.each(waysIn)('with a class reaches the %s, with its dependencies injected', async (way) => {
    const { app, url } = await start((builder) => builder.overrideProvider(BackgroundTasks).useClass(PerRequestTasks));

    await fetchText(`${url}/${way}`);
    await fetchText(`${url}/${way}`);
    await settled(app);

    expect(timeline.events).toEqual([`${way}, GET`, `${way}, GET`]);
    expect(app.get(BackgroundTasksHost).stats().accepted).toBe(0);
  });

  it.each(waysIn)('with a factory reaches the %s', async (way) => {
    const recorded: RecordingBackgroundTasks[] = [];
    const { app, url } = await start((builder) =>
      builder.overrideProvider(BackgroundTasks).useFactory({
        factory: (_request: object) => {
          const tasks = new RecordingBackgroundTasks();
          recorded.push(tasks);
          return tasks;
        },
        inject: [REQUEST],
      }),
    );

    await fetchText(`${url}/${way}`);
    await settled(app);

    expect(recorded.flatMap(({ added }) => added)).toMatchObject([{ fn: note, args: [way] }]);
    expect(timeline.events).toEqual([]);
  });

  it('reaches TaskScopes', async () => {
    const recorded = new RecordingBackgroundTasks();
    const { app } = await start((builder) => builder.overrideProvider(BackgroundTasks).useValue(recorded));

    await app.get(TaskScopes).run((scope) => {
      scope.tasks.addTask(note, 'scope');
      app.get(Audit).record('reference in a scope');
    });

    expect(recorded.added.map(({ args }) => args)).toEqual([['scope'], ['reference in a scope']]);
  });
});

function note(what: string): void {
  timeline.note(what);
}

/** Runs a task at once, which no real queue does, so that a test can tell it from ours. */
@Injectable({ scope: Scope.REQUEST })
class PerRequestTasks extends BackgroundTasks {
  readonly pending: readonly BackgroundTask[] = [];

  constructor(@Inject(REQUEST) private readonly request: { method: string }) {
    super();
  }

  override enqueue(): BackgroundTask {
    throw new Error('not what this is about');
  }

  override enqueueWithin(): Promise<BackgroundTask> {
    throw new Error('not what this is about');
  }

  override enqueueGroup(): BackgroundTaskGroup {
    throw new Error('not what this is about');
  }

  override addTask(_fn: unknown, ...args: unknown[]): BackgroundTask {
    note([...args, this.request.method].join(', '));
    return undefined as unknown as BackgroundTask;
  }

  override with(): BackgroundTasks {
    return this;
  }

  override cancel(): boolean {
    return false;
  }
}

@Injectable()
class Audit {
  constructor(private readonly tasks: BackgroundTasksRef) {}

  record(what: string) {
    this.tasks.current.addTask(note, what);
  }
}

@Controller('constructor')
class ConstructorController {
  constructor(private readonly tasks: BackgroundTasks) {}

  @Get()
  get() {
    this.tasks.addTask(note, 'constructor');
    return 'ok';
  }
}

@Controller('decorator')
class DecoratorController {
  @Get()
  get(@Tasks() tasks: BackgroundTasks) {
    tasks.addTask(note, 'decorator');
    return 'ok';
  }
}

@Controller('reference')
class ReferenceController {
  constructor(private readonly audit: Audit) {}

  @Get()
  get() {
    this.audit.record('reference');
    return 'ok';
  }
}
