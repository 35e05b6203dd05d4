import { Controller, Get, Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksRef, Tasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { platforms, startApp } from '../support/platforms.js';

describe.each(platforms)('B5 adding too late on $name', (platform) => {
  it('throws SCOPE_CLOSED once the tasks of the request have run', async () => {
    const { app, url, ran, controller } = await start();

    await (await fetch(`${url}/kept`)).text();
    await settled(app);

    expect(() => controller.kept!.addTask(ran)).toThrow(
      expect.objectContaining({ code: 'SCOPE_CLOSED', message: expect.stringContaining('TaskScopes.run()') as string }),
    );
    await settled(app);
    expect(controller.runs).toBe(1);
  });

  it('throws SCOPE_CLOSED through BackgroundTasksRef in work that outlives its request', async () => {
    const { app, url, controller } = await start();

    await (await fetch(`${url}/floating`)).text();
    await settled(app);
    controller.gate.resolve();

    await expect(controller.floating).rejects.toMatchObject({ code: 'SCOPE_CLOSED' });
  });

  it('throws SCOPE_CLOSED through BackgroundTasksRef where the request touched no task while it ran', async () => {
    const { app, url, controller } = await start();

    await (await fetch(`${url}/untouched`)).text();
    await settled(app);
    controller.gate.resolve();

    await expect(controller.floating).rejects.toMatchObject({ code: 'SCOPE_CLOSED' });
  });

  it('throws OUTSIDE_SCOPE outside any request, and names the fix', async () => {
    const { app } = await start();

    expect(() => app.get(Singleton).add(() => undefined)).toThrow(
      expect.objectContaining({
        code: 'OUTSIDE_SCOPE',
        message: expect.stringContaining('TaskScopes.run()') as string,
      }),
    );
  });

  async function start() {
    const { app, url } = await startApp(platform, { controllers: [Late], providers: [Singleton] });
    const controller = app.get(Late);
    return { app, url, controller, ran: controller.ran };
  }
});

@Injectable()
class Singleton {
  constructor(private readonly ref: BackgroundTasksRef) {}

  add(task: () => unknown): void {
    this.ref.current.addTask(task);
  }
}

@Controller()
class Late {
  kept: BackgroundTasks | undefined;
  floating: Promise<void> | undefined;
  readonly gate = deferred();
  runs = 0;
  readonly ran = (): void => {
    this.runs++;
  };

  constructor(private readonly singleton: Singleton) {}

  @Get('kept')
  keep(@Tasks() tasks: BackgroundTasks): string {
    this.kept = tasks;
    tasks.addTask(this.ran);
    return 'ok';
  }

  @Get('floating')
  float(): string {
    this.singleton.add(this.ran);
    this.floating = this.#addLater();
    return 'ok';
  }

  @Get('untouched')
  untouched(): string {
    this.floating = this.#addLater();
    return 'ok';
  }

  async #addLater(): Promise<void> {
    await this.gate.promise;
    this.singleton.add(this.ran);
  }
}
