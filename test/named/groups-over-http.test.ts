import { Controller, ForbiddenException, Param, Post } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqOptions } from '../../src/bullmq/index.js';
import { type BackgroundTasks, BackgroundTasksHost, Tasks } from '../../src/index.js';
import { Group, handlers, Part, Whole } from '../support/grouped-app.js';
import { platforms, startApp } from '../support/platforms.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

@Controller('albums')
class AlbumsController {
  @Post(':outcome')
  create(@Param('outcome') outcome: string, @Tasks() tasks: BackgroundTasks) {
    const parts = ['a', 'b'].map((act) => ({ definition: Part, payload: { act } }));
    const { last } = tasks.enqueueGroup(parts, { then: Whole, payload: { album: 1 } });
    if (outcome === 'refused') throw new ForbiddenException();
    return { id: last.id };
  }
}

const backends = [{ kind: 'this process', prepare: undefined }, ...servers];
const everywhere = backends.flatMap((backend) => platforms.map((platform) => ({ ...backend, platform })));

describe.each(everywhere)(
  'B51 · a group of a request on $platform.name, which runs on $kind',
  ({ prepare, platform }) => {
    const server = prepare && useServer(prepare);

    async function start() {
      const group = new Group();
      const options = { ...server?.().options, queueName: randomUUID() } as BullMqOptions;
      const { app, url } = await startApp(platform, {
        imports: server ? [BullMqBackgroundTasksModule.forRoot(options)] : [],
        controllers: [AlbumsController],
        providers: [{ provide: Group, useValue: group }, ...handlers],
      });
      const backend = server && app.get(BullMqBackend);
      if (backend) await until('the server is ready', () => backend.unavailableBecause === undefined);
      const post = (outcome: string) => fetch(`${url}/albums/${outcome}`, { method: 'POST' });
      return { app, backend, group, post };
    }

    it('runs after the answer, the last task at the end', async () => {
      const { group, post } = await start();

      const answer = await post('created');
      await group.until('whole 1');

      expect(answer.status).toBe(201);
      expect(group.events.toSorted()).toEqual(['a', 'b', 'whole 1']);
      expect(group.events.at(-1)).toBe('whole 1');
    });

    it('does not exist if the handler throws', async () => {
      const { app, backend, group, post } = await start();

      const answer = await post('refused');
      await app.get(BackgroundTasksHost).onIdle();

      expect(answer.status).toBe(403);
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 3, discarded: 3 });
      expect((await backend?.queue.getJobCountByTypes()) ?? 0).toBe(0);
      expect(group.events).toEqual([]);
    });
  },
);
