import { type DynamicModule, Inject, Injectable, Module, Optional } from '@nestjs/common';
import { expect } from 'vitest';
import { type BackgroundTasks, BackgroundTasksRef } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { rawOf } from './http-types.js';
import { type AppSettings, type Platform, type RunningApp, startApp } from './platforms.js';
import { recordedResource } from './recorded-resource.js';
import { Timeline } from './timeline.js';

/** For `describe.each`: where anything injects the reference, requests are found through AsyncLocalStorage. */
export const lookups = [
  { lookup: 'with BackgroundTasksRef', usesRef: true },
  { lookup: 'without BackgroundTasksRef', usesRef: false },
];

@Injectable()
class UsesRef {
  constructor(readonly ref: BackgroundTasksRef) {}
}

/** Takes all that a handler can have of this package, and notes what becomes of it. */
@Injectable()
export class EveryWay {
  constructor(
    private readonly timeline: Timeline,
    @Optional() @Inject(UsesRef) private readonly user: UsesRef | null,
  ) {}

  /** Adds a task in each way that there is. A handler calls it with its `@Tasks()` and its `@Resource('Session')`. */
  take(tasks: BackgroundTasks, session: unknown): void {
    this.timeline.note((session as { name: string }).name);
    tasks.addTask(this.timeline.note, 'task');
    (this.user?.ref.current ?? tasks).addTask(this.timeline.note, 'task');
    // Its log line tells what the route is called.
    tasks.with({ runOn: 'failure' }).addTask(function alarm() {});
  }
}

@Module({})
class EveryWayModule {}

export interface EveryWaySettings extends AppSettings {
  readonly usesRef: boolean;
}

export interface EveryWayApp extends RunningApp {
  readonly timeline: Timeline;
}

/** Starts an application whose controllers inject {@link EveryWay}. Its timeline notes when a response has been sent. */
export async function startWithEveryWay(
  platform: Platform,
  { usesRef, imports = [], configure, ...settings }: EveryWaySettings,
): Promise<EveryWayApp> {
  const timeline = new Timeline();
  const everyWay: DynamicModule = {
    module: EveryWayModule,
    global: true,
    providers: [
      { provide: Timeline, useValue: timeline },
      EveryWay,
      recordedResource(timeline, { provide: 'Session' }),
      ...(usesRef ? [UsesRef] : []),
    ],
    exports: [Timeline, EveryWay, 'Session'],
  };
  const running = await startApp(platform, {
    ...settings,
    imports: [everyWay, ...imports],
    configure: (app) => {
      app.use((_request: unknown, response: object, next: () => void) => {
        rawOf(response).once('finish', () => timeline.note('sent'));
        next();
      });
      return configure?.(app);
    },
  });
  return { ...running, timeline };
}

/** What the timeline holds when each task has run once, after the response, and before the resource was released. */
export const inOrder = ['Session opened', 'Session', 'sent', 'task', 'task', 'Session committed', 'Session released'];

/** Expects that a request was handled by this route, and nothing has been left undone. */
export async function expectHandledOnce({ app, timeline, logs }: EveryWayApp, route: string): Promise<void> {
  await settled(app);
  expect(timeline.events).toEqual(inOrder);
  expect(logs.warnings).toEqual([`Discarded "alarm": ${route} succeeded. BackgroundTasks`]);
  expect(logs.errors).toEqual([]);
}
