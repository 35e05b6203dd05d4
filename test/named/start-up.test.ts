import { Injectable, Module, Scope } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import {
  type BackgroundTask,
  defineTask,
  type Handles,
  type HandlesBatch,
  type TaskDefinition,
  TaskHandler,
  TaskScopes,
} from '../../src/index.js';
import { startContext } from '../support/start-context.js';
import { Timeline } from '../support/timeline.js';

const Warm = defineTask<{ what: string }>({ name: 'warm' });

@TaskHandler(Warm)
class WarmHandler implements Handles<typeof Warm> {
  constructor(private readonly timeline: Timeline) {}

  run({ what }: { what: string }): void {
    this.timeline.note(what);
  }
}

@Injectable()
class Cache {
  readonly handles: BackgroundTask[] = [];

  constructor(private readonly scopes: TaskScopes) {}

  onModuleInit(): Promise<void> {
    return this.#enqueue('onModuleInit');
  }

  onApplicationBootstrap(): Promise<void> {
    return this.#enqueue('onApplicationBootstrap');
  }

  async #enqueue(what: string): Promise<void> {
    await this.scopes.run(({ tasks }) => void this.handles.push(tasks.enqueue(Warm, { what })));
  }
}

describe('B40 a handler without the method that its definition asks for', () => {
  const Batched = defineTask<string>({ name: 'batched', batch: { maxSize: 1, maxWaitMs: 0 } });
  const providers = (scope: Scope, definition: TaskDefinition, build: () => object) => {
    class LooseHandler {}
    Injectable({ scope })(LooseHandler);
    TaskHandler(definition)(LooseHandler as never);
    Object.assign(LooseHandler.prototype, build());
    return [LooseHandler];
  };

  it.each([
    { kind: 'a singleton', scope: Scope.DEFAULT, definition: Batched, methods: { run() {} }, lacks: 'runBatch' },
    { kind: 'a singleton', scope: Scope.DEFAULT, definition: Batched, methods: {}, lacks: 'runBatch' },
    {
      kind: 'a request-scoped class',
      scope: Scope.REQUEST,
      definition: Batched,
      methods: { run() {} },
      lacks: 'runBatch',
    },
    { kind: 'a singleton', scope: Scope.DEFAULT, definition: Warm, methods: { runBatch() {} }, lacks: 'run' },
    {
      kind: 'a request-scoped class',
      scope: Scope.REQUEST,
      definition: Warm,
      methods: { runBatch() {} },
      lacks: 'run',
    },
  ])('stops the application, where it is $kind without $lacks()', async ({ scope, definition, methods, lacks }) => {
    const starting = startContext({ providers: providers(scope, definition, () => methods) });

    await expect(starting).rejects.toMatchObject({
      code: 'WRONG_HANDLER',
      message: expect.stringContaining(`LooseHandler of Root has no ${lacks}()`) as string,
    });
  });

  it('may have it as a property of each instance', async () => {
    @TaskHandler(Batched)
    @Injectable({ scope: Scope.REQUEST })
    class PropertyHandler implements HandlesBatch<typeof Batched> {
      readonly runBatch = () => undefined;
    }

    const { scopes } = await startContext({ providers: [PropertyHandler] });
    const task = await scopes.run(({ tasks }) => tasks.enqueue(Batched, 'a'));

    expect(await task.settled).toMatchObject({ state: 'succeeded' });
  });
});

describe('B29 enqueue in the start-up hooks of another module', () => {
  it('finds the handler, and runs it', async () => {
    const timeline = new Timeline();
    @Module({ providers: [Cache, WarmHandler, { provide: Timeline, useValue: timeline }] })
    class CacheModule {}

    const { app } = await startContext({ imports: [CacheModule] });

    expect(timeline.events).toEqual(['onModuleInit', 'onApplicationBootstrap']);
    expect(app.get(Cache).handles.map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
  });

  it('finds the handler of a module that was loaded lazily in onModuleInit', async () => {
    const timeline = new Timeline();
    @Module({ providers: [WarmHandler, { provide: Timeline, useValue: timeline }] })
    class LateModule {}
    @Injectable()
    class Loader {
      constructor(private readonly loader: LazyModuleLoader) {}

      async onModuleInit(): Promise<void> {
        await this.loader.load(() => LateModule);
      }
    }

    const { run } = await startContext({ providers: [Loader] });
    await run((tasks) => tasks.enqueue(Warm, { what: 'late' }));

    expect(timeline.events).toEqual(['late']);
  });
});
