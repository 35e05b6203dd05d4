import { Injectable, Module } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { type BackgroundTask, defineTask, type Handles, TaskHandler, TaskScopes } from '../../src/index.js';
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
