import { Queue } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BullMqBackend } from '../../src/bullmq/index.js';
import { endedTasks } from '../../src/bullmq/worker/ended-tasks.js';
import { type BackgroundTasks, TaskScopes } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { Part, startGrouped, Whole } from '../support/grouped-app.js';
import { freePort } from '../support/free-port.js';
import { prepareRedis } from '../support/redis.js';
import { redisUser } from '../support/redis-user.js';
import { servers, useServer } from '../support/servers.js';

describe.each(servers)('B51 · a group on $kind', { timeout: 30_000 }, ({ prepare }) => {
  const server = useServer(prepare);

  it('is handed over as a whole by a unit of work whose tasks run already', async () => {
    const { app, ended, group } = await startGrouped(server());
    const [begun, held] = [deferred<BackgroundTasks>(), deferred()];
    const running = app.get(TaskScopes).run(({ tasks }) => {
      tasks.addTask(function first() {
        begun.resolve(tasks);
        return held.promise;
      });
    });

    const { tasks, last } = (await begun.promise).enqueueGroup([partOf('a'), partOf('b')], lastOf(1));
    await ended(last);
    held.resolve();
    await running;

    expect(group.ends[0]!.map(({ id, state }) => [id, state])).toEqual(tasks.map(({ id }) => [id, 'succeeded']));
  });

  it('has all of its tasks, whatever BullMQ is told of deduplication', async () => {
    const { enqueue, ended, group } = await startGrouped(server());
    const options = { bullmq: { deduplication: { id: 'once', ttl: 60_000 } } };

    const { last } = await enqueue((all) =>
      all.enqueueGroup(
        ['a', 'b'].map((act) => ({ ...partOf(act), options })),
        { ...lastOf(1), options },
      ),
    );
    await ended(last);

    expect(group.events.toSorted()).toEqual(['a', 'b', 'whole 1']);
  });

  it('is refused with a code if it has more parts than a server takes in time', async () => {
    const { enqueueParts, app } = await startGrouped(server(), {}, { worker: false });

    const refused = enqueueParts(Array.from({ length: 1_001 }, () => 'a'));

    await expect(refused).rejects.toMatchObject({
      code: 'BATCH_TOO_LARGE',
      message: expect.stringContaining('the limit is 1000 parts of groups at a time') as string,
    });
    expect(await app.get(BullMqBackend).queue.getJobCountByTypes()).toBe(0);
  });

  it('lists errors by their message while their jobs cannot be read', async () => {
    const { enqueueParts, ended, app } = await startGrouped(server());
    const { tasks, last } = await enqueueParts(['fail']);
    await ended(last);
    const gone = new Queue('gone', {
      connection: { port: await freePort(), enableOfflineQueue: false, retryStrategy: () => null },
    });
    gone.on('error', () => undefined);
    onTestFinished(() => gone.close());
    const job = await app.get(BullMqBackend).queue.getJob(`t${last.id}`);

    const ends = await endedTasks(job!, tasks, { get: () => gone as Queue<unknown, unknown> });

    expect(ends).toMatchObject([{ state: 'failed', error: { name: 'Error', message: 'too large' } }]);
  });
});

describe('B51 · a group on a Redis that refuses one of its tasks', () => {
  const server = useServer(() => prepareRedis());

  it('is not confirmed', async () => {
    const { url } = await redisUser(server().url, '~*', '+@all', '-sadd');
    const { enqueueParts, app } = await startGrouped(server(), {}, { connection: url, worker: false });

    const refused = enqueueParts(['a', 'b']);

    await expect(refused).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(
        /not confirmed by Redis .* A group that is enqueued again is another group/,
      ) as string,
    });
    expect(app.get(BullMqBackend).unavailableBecause).toBeUndefined();
  });
});

function partOf(act: string) {
  return { definition: Part, payload: { act } };
}

function lastOf(album: number) {
  return { then: Whole, payload: { album } };
}
