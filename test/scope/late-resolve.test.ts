import { Controller, Get, Inject, Injectable, Scope } from '@nestjs/common';
import { ContextIdFactory, ModuleRef, REQUEST } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, provideResource, type TaskScope, TaskScopes } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred, type Deferred } from '../support/deferred.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';

const timeline = useTimeline();

describe.each(platforms)('B5, B20 resolving late on $name', (platform) => {
  const start = () =>
    startApp(platform, { controllers: [KeepingController], providers: [Connection, Slow, slowInput, Nested, session] });

  it('is refused with SCOPE_CLOSED once the request is over, every time', async () => {
    const { app, url } = await start();
    await fetchText(`${url}/keeping`);
    await settled(app);
    timeline.clear();
    const resolve = KeepingController.kept!;

    await expect(resolve(Slow)).rejects.toMatchObject({ code: 'SCOPE_CLOSED' });
    await expect(resolve(Slow)).rejects.toMatchObject({ code: 'SCOPE_CLOSED' });
    await expect(resolve('session')).rejects.toMatchObject({ code: 'SCOPE_CLOSED' });
    expect(timeline.events).toEqual([]);
  });

  it('names what was asked for, and the fix', async () => {
    const { app, url } = await start();
    await fetchText(`${url}/keeping`);
    await settled(app);
    const resolve = KeepingController.kept!;

    await expect(resolve(Nested)).rejects.toThrow(/An instance of Nested .*TaskScopes\.run\(\)/);
  });

  it('is awaited where it is under construction when the request ends, and disposed of', async () => {
    const { app, url } = await start();

    await fetchText(`${url}/keeping/building`);
    await KeepingController.asked.promise;
    expect(timeline.events).toEqual([]);
    KeepingController.input.resolve();
    await settled(app);

    expect(timeline.events).toEqual(['slow disposed', 'connection closed']);
  });

  it('in a task is disposed of after the tasks', async () => {
    const { app, url } = await start();

    await fetchText(`${url}/keeping/task`);
    await settled(app);

    expect(timeline.events).toEqual(['task', 'connection closed']);
  });

  it('in a disposer is disposed of, too, and leaves no scope open', async () => {
    const { app, url } = await start();

    await fetchText(`${url}/keeping/disposer`);
    await settled(app);
    await app.get(BackgroundTasksHost).onIdle();

    expect(timeline.events).toEqual(['nested disposed', 'task of a disposer', 'connection closed']);
  });
});

describe('B26 a unit of work that is over', () => {
  it('refuses to resolve, and to take tasks', async () => {
    const { app } = await startContext({ providers: [Connection] });
    const scope = await app.get(TaskScopes).run((unit): TaskScope => unit);

    await expect(scope.resolve(Connection)).rejects.toMatchObject({ code: 'SCOPE_CLOSED' });
    expect(() => scope.tasks.addTask(() => undefined)).toThrow(expect.objectContaining({ code: 'SCOPE_CLOSED' }));
  });
});

@Injectable({ scope: Scope.REQUEST })
class Connection implements AsyncDisposable {
  async [Symbol.asyncDispose]() {
    timeline.note('connection closed');
  }
}

const slowInput = {
  provide: 'slow input',
  inject: [REQUEST],
  useFactory: () => {
    KeepingController.asked.resolve();
    return KeepingController.input.promise;
  },
};

@Injectable({ scope: Scope.REQUEST })
class Slow implements Disposable {
  constructor(
    readonly connection: Connection,
    @Inject('slow input') readonly input: unknown,
  ) {}

  [Symbol.dispose]() {
    timeline.note('slow disposed');
  }
}

@Injectable({ scope: Scope.REQUEST })
class Nested implements AsyncDisposable {
  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly tasks: BackgroundTasks,
    @Inject(REQUEST) private readonly request: object,
  ) {}

  async [Symbol.asyncDispose]() {
    timeline.note('nested disposed');
    await this.moduleRef.resolve(Connection, ContextIdFactory.getByRequest(this.request as never));
    this.tasks.addTask(() => timeline.note('task of a disposer'));
  }
}

const session = provideResource({
  provide: 'session',
  async *useFactory() {
    timeline.note('session opened');
    yield 'session';
    timeline.note('session closed');
  },
});

@Controller('keeping')
class KeepingController {
  static kept: ((token: unknown) => Promise<unknown>) | undefined;
  static asked: Deferred;
  static input: Deferred;

  readonly #resolve: (token: unknown) => Promise<unknown>;

  constructor(
    private readonly tasks: BackgroundTasks,
    moduleRef: ModuleRef,
    @Inject(REQUEST) request: object,
  ) {
    const contextId = ContextIdFactory.getByRequest(request as never);
    this.#resolve = (token) => moduleRef.resolve(token as never, contextId);
    KeepingController.asked = deferred();
    KeepingController.input = deferred();
  }

  @Get()
  async keep() {
    await this.#resolve(Connection);
    KeepingController.kept = this.#resolve;
    return 'kept';
  }

  @Get('building')
  build() {
    void this.#resolve(Slow);
    return 'answered while it is built';
  }

  @Get('task')
  addTask() {
    this.tasks.addTask(async () => {
      await this.#resolve(Connection);
      timeline.note('task');
    });
    return 'added';
  }

  @Get('disposer')
  async nest() {
    await this.#resolve(Nested);
    return 'nested';
  }
}
