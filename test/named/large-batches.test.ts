import { Controller, HttpCode, Injectable, Param, ParseIntPipe, Post } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqOptions } from '../../src/bullmq/index.js';
import {
  BackgroundTasks,
  defineTask,
  type Handles,
  provideResource,
  Resource,
  TaskHandler,
  Tasks,
  TaskScopes,
} from '../../src/index.js';
import { platforms, startApp } from '../support/platforms.js';
import { servers, useServer } from '../support/servers.js';
import { Timeline } from '../support/timeline.js';
import { until } from '../support/until.js';

const Work = defineTask<number>({ name: 'work' });

@TaskHandler(Work)
class WorkHandler implements Handles<typeof Work> {
  run(): void {}
}

@Injectable()
class Transaction {}

const transactionResource = provideResource({
  provide: Transaction,
  inject: [Timeline],
  release: 'before-response',
  async *useFactory(timeline: Timeline) {
    try {
      yield new Transaction();
      timeline.note('commit');
    } catch (error) {
      timeline.note('rollback');
      throw error;
    }
  },
});

@Controller()
class WorkController {
  constructor(private readonly scopes: TaskScopes) {}

  @Post('together/:count')
  @HttpCode(202)
  together(@Tasks() tasks: BackgroundTasks, @Param('count', ParseIntPipe) count: number) {
    for (let index = 0; index < count; index++) tasks.enqueue(Work, index);
  }

  @Post('with-transaction/:count')
  @HttpCode(202)
  withTransaction(
    @Resource(Transaction) _transaction: Transaction,
    @Tasks() tasks: BackgroundTasks,
    @Param('count', ParseIntPipe) count: number,
  ) {
    this.together(tasks, count);
  }

  @Post('in-parts/:count')
  @HttpCode(202)
  async inParts(@Param('count', ParseIntPipe) count: number) {
    // Small enough for a slow machine to confirm each within its 2.5 s.
    for (let part = 0; part < PARTS; part++) await this.scopes.run(({ tasks }) => this.together(tasks, count / PARTS));
  }
}

const PARTS = 10;

describe.each(servers)('B32 a request that enqueues too much for $kind', ({ prepare }) => {
  const server = useServer(prepare);

  describe.each(platforms)('on $name', (platform) => {
    it('is answered 500 without Retry-After, and nothing of it is handed over', async () => {
      const { post, waiting, logs } = await start();

      const refused = await post('together/6000');
      const next = await post('together/1');

      expect(refused.status).toBe(500);
      expect(refused.headers.has('retry-after')).toBe(false);
      expect(await refused.json()).toEqual({ statusCode: 500, message: 'Internal server error' });
      expect(logs.errors.join()).toContain('6000 tasks ("work") cannot be handed over: the limit is 5000 tasks');
      expect(next.status).toBe(202);
      expect(await waiting()).toBe(1);
    });

    it('rolls back, because no later attempt could hand it over', async () => {
      const { post, waiting, timeline } = await start();

      const refused = await post('with-transaction/6000');
      const next = await post('with-transaction/1');

      expect([refused.status, next.status]).toEqual([500, 202]);
      expect(timeline.events).toEqual(['rollback', 'commit']);
      expect(await waiting()).toBe(1);
    });

    it('is accepted in parts, each in a unit of work of its own', async () => {
      const { post, waiting } = await start();

      const { status } = await post('in-parts/6000');

      expect(status).toBe(202);
      expect(await waiting()).toBe(6_000);
    });

    async function start() {
      const options = { ...server().options, queueName: `large-${randomUUID()}`, worker: false } as BullMqOptions;
      const { app, url, logs } = await startApp(platform, {
        imports: [BullMqBackgroundTasksModule.forRoot(options)],
        controllers: [WorkController],
        providers: [WorkHandler, Timeline, transactionResource],
      });
      const { queue } = app.get(BullMqBackend);
      await until('the server is ready', () => app.get(BullMqBackend).unavailableBecause === undefined);
      return {
        logs,
        timeline: app.get(Timeline),
        post: (path: string) => fetch(`${url}/${path}`, { method: 'POST' }),
        waiting: () => queue.getWaitingCount(),
      };
    }
  });
});
