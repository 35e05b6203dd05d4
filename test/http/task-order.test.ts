import { Controller, Get, Injectable, Scope } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { platforms, startApp } from '../support/platforms.js';
import { Timeline } from '../support/timeline.js';

describe.each(platforms)('B2 first in, first out on $name', (platform) => {
  it('starts each task once the one before it has settled', async () => {
    const holds = holdThree();
    const { app, timeline, get } = await start(holds);

    await get('/three');
    await timeline.until('start 0');
    expect(timeline.events).toEqual(['start 0']);
    holds[2].resolve();
    holds[0].resolve();
    await timeline.until('start 1');
    expect(timeline.events).toEqual(['start 0', 'end 0', 'start 1']);
    holds[1].resolve();
    await settled(app);

    expect(timeline.events).toEqual(['start 0', 'end 0', 'start 1', 'end 1', 'start 2', 'end 2']);
  });

  it('runs that many tasks of a request at a time where concurrency says so', async () => {
    const holds = holdThree();
    const { app, timeline, get } = await start(holds, 2);

    await get('/three');
    await timeline.until('start 1');
    expect(timeline.events).toEqual(['start 0', 'start 1']);
    holds[1].resolve();
    await timeline.until('start 2');
    expect(timeline.events).toEqual(['start 0', 'start 1', 'end 1', 'start 2']);
    holds[0].resolve();
    holds[2].resolve();
    await settled(app);
  });

  async function start(holds: Holds, concurrency = 1) {
    const timeline = new Timeline();
    const { app, url } = await startApp(platform, {
      options: { concurrency },
      controllers: [Ordered],
      providers: [
        { provide: Timeline, useValue: timeline },
        { provide: Holds, useValue: holds },
      ],
    });
    return { app, timeline, get: async (path: string) => (await fetch(url + path)).text() };
  }
});

describe.each(platforms)('B4 tasks that add tasks on $name', (platform) => {
  it('runs a task added by a task last in the same drain, before anything is disposed', async () => {
    const timeline = new Timeline();
    const { app, url } = await start(timeline);

    await (await fetch(`${url}/adding`)).text();
    await settled(app);

    expect(timeline.events).toEqual([
      'first',
      'second',
      'added by first',
      'added by added',
      'disposed',
      'added by disposer',
      'added by that',
    ]);
  });

  function start(timeline: Timeline) {
    return startApp(platform, {
      controllers: [Adding],
      providers: [{ provide: Timeline, useValue: timeline }, Session],
    });
  }
});

class Holds extends Array<Deferred> {}
type Three = Holds & { 0: Deferred; 1: Deferred; 2: Deferred };

function holdThree(): Three {
  return Holds.from([deferred(), deferred(), deferred()]) as Three;
}

@Controller()
class Ordered {
  constructor(
    private readonly timeline: Timeline,
    private readonly holds: Holds,
  ) {}

  @Get('three')
  three(@Tasks() tasks: BackgroundTasks): string {
    this.holds.forEach((hold, index) =>
      tasks.addTask(async () => {
        this.timeline.note(`start ${index}`);
        await hold.promise;
        this.timeline.note(`end ${index}`);
      }),
    );
    return 'ok';
  }
}

@Injectable({ scope: Scope.REQUEST })
class Session {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly timeline: Timeline,
  ) {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.timeline.note('disposed');
    await Promise.resolve();
    this.tasks.addTask(() => {
      this.timeline.note('added by disposer');
      this.tasks.addTask(this.timeline.note, 'added by that');
    });
  }
}

@Controller()
class Adding {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly timeline: Timeline,
    readonly session: Session,
  ) {}

  @Get('adding')
  adding(): string {
    const { note } = this.timeline;
    this.tasks.addTask(async () => {
      note('first');
      await Promise.resolve();
      this.tasks.addTask(() => {
        note('added by first');
        this.tasks.addTask(note, 'added by added');
      });
    });
    this.tasks.addTask(note, 'second');
    return 'ok';
  }
}
