import { type ArgumentsHost, Catch, Controller, Get, UseFilters } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, Tasks, type TaskOptions } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import type { FrameworkResponse } from '../support/http-types.js';
import { platforms, startApp } from '../support/platforms.js';
import { deferred } from '../support/deferred.js';
import { rawOf } from '../support/http-types.js';
import { RawClient } from '../support/raw-client.js';
import { Timeline } from '../support/timeline.js';

describe.each(platforms)('B8 tasks added in an exception filter on $name', (platform) => {
  it('runs a task that names no runOn', async () => {
    expect(await filterAdds({})).toEqual(['ran']);
  });

  it('runs a task for failures', async () => {
    expect(await filterAdds({ runOn: 'failure' })).toEqual(['ran']);
  });

  it('drops a task for successes', async () => {
    expect(await filterAdds({ runOn: 'success' })).toEqual([]);
  });

  it('runs them after those of the handler, and after the error response', async () => {
    const timeline = new Timeline();
    const { app, url } = await start(timeline, {});

    const response = await fetch(`${url}/throws/adding`);
    await response.text();
    await settled(app);

    expect(response.status).toBe(418);
    expect(timeline.events).toEqual(['of the handler', 'ran']);
  });

  it('discards what the handler added when the filter itself throws', async () => {
    const timeline = new Timeline();
    const { app, url } = await startApp(platform, {
      controllers: [Broken],
      providers: [{ provide: Timeline, useValue: timeline }, BrokenFilter],
    });

    const response = await fetch(url);
    await response.text();
    await settled(app);

    expect(response.status).toBe(500);
    expect(timeline.events).toEqual(['always']);
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 2, discarded: 1, succeeded: 1 });
  });

  it('runs the task of an async filter that is still at work when the client leaves', async () => {
    const slow = new SlowFilter();
    const { app, port } = await startApp(platform, {
      controllers: [Thrower],
      configure: (nest) => nest.useGlobalFilters(slow),
    });
    const client = await RawClient.connect(port);

    client.request('GET /thrower');
    await slow.begun.promise;
    client.destroy();
    await slow.left.promise;
    slow.gate.resolve();
    await slow.done.promise;
    await settled(app);

    expect(slow.ran).toBe(1);
  });

  async function filterAdds(options: TaskOptions): Promise<string[]> {
    const timeline = new Timeline();
    const { app, url } = await start(timeline, options);
    await (await fetch(`${url}/throws`)).text();
    await settled(app);
    return timeline.events;
  }

  function start(timeline: Timeline, options: TaskOptions) {
    return startApp(platform, {
      controllers: [Throws],
      providers: [
        { provide: Timeline, useValue: timeline },
        { provide: FilterTask, useValue: { options } },
        AddingFilter,
      ],
    });
  }
});

abstract class FilterTask {
  abstract readonly options: TaskOptions;
}

@Catch()
class AddingFilter {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly timeline: Timeline,
    private readonly task: FilterTask,
  ) {}

  catch(_error: unknown, host: ArgumentsHost): void {
    this.tasks.with(this.task.options).addTask(this.timeline.note, 'ran');
    host.switchToHttp().getResponse<FrameworkResponse>().status(418).send('teapot');
  }
}

@Controller('throws')
@UseFilters(AddingFilter)
class Throws {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly timeline: Timeline,
  ) {}

  @Get()
  throws(): never {
    throw new Error('thrown');
  }

  @Get('adding')
  adding(): never {
    this.tasks.with({ runOn: 'failure' }).addTask(this.timeline.note, 'of the handler');
    throw new Error('thrown');
  }
}

@Catch()
class BrokenFilter extends BaseExceptionFilter {
  override catch(): never {
    throw new Error('broken filter');
  }
}

@Controller()
@UseFilters(BrokenFilter)
class Broken {
  constructor(private readonly timeline: Timeline) {}

  @Get()
  throws(@Tasks() tasks: BackgroundTasks): never {
    tasks.addTask(this.timeline.note, 'success');
    tasks.with({ runOn: 'always' }).addTask(this.timeline.note, 'always');
    throw new Error('thrown');
  }
}

class TasksError extends Error {
  constructor(readonly tasks: BackgroundTasks) {
    super('thrown by the handler');
  }
}

@Controller('thrower')
class Thrower {
  @Get()
  get(@Tasks() tasks: BackgroundTasks): never {
    throw new TasksError(tasks);
  }
}

@Catch(TasksError)
class SlowFilter {
  readonly begun = deferred();
  readonly left = deferred();
  readonly gate = deferred();
  readonly done = deferred();
  ran = 0;

  async catch({ tasks }: TasksError, host: ArgumentsHost): Promise<void> {
    const response = host.switchToHttp().getResponse<FrameworkResponse>();
    rawOf(response).once('close', () => this.left.resolve());
    this.begun.resolve();
    await this.gate.promise;
    tasks.addTask(() => this.ran++);
    response.status(500).send('late');
    this.done.resolve();
  }
}
