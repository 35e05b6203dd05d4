import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { BullMqBackend } from '../../src/bullmq/index.js';
import { provideResource, TaskScopes } from '../../src/index.js';
import { Part, startGrouped, Whole } from '../support/grouped-app.js';
import { preparePostgres } from '../support/postgres.js';
import { servers, useServer } from '../support/servers.js';
import { openPool } from '../support/transaction-app.js';

describe.each(servers)('B51 · a group on $kind', { timeout: 30_000 }, ({ prepare }) => {
  const server = useServer(prepare);

  it('lists a task that an operator has discarded, and does not wait for it', async () => {
    const { enqueueParts, ended, group, operations, reports } = await startGrouped(server(), {}, { worker: oneByOne });
    const { tasks, last } = await enqueueParts(['hold', 'never']);
    await group.until('hold');

    const discarded = await operations.discard(tasks[1]!.id);
    const report = await reports.find(last.id);
    group.held.resolve();
    await ended(last);

    expect(discarded).toBe(1);
    expect(report!.group).toEqual({ total: 2, ended: 1, failed: 1 });
    expect(group.ends[0]!.map(({ state }) => state)).toEqual(['succeeded', 'discarded']);
  });

  it('leaves the others where the last one was discarded', async () => {
    const { enqueueParts, ended, group, operations, reports } = await startGrouped(server(), {}, { worker: oneByOne });
    const { tasks, last } = await enqueueParts(['hold', 'a']);
    await group.until('hold');

    const discarded = await operations.discard(last.id);
    group.held.resolve();

    expect(discarded).toBe(1);
    expect(await ended(tasks[1]!)).toMatchObject({ state: 'succeeded' });
    expect(await reports.find(last.id)).toBeUndefined();
  });

  it('does not run again when one of its tasks is run again', async () => {
    const { enqueueParts, ended, group, operations } = await startGrouped(server());
    const { tasks, last } = await enqueueParts(['fail', 'a']);
    await ended(last);

    const retried = await operations.retry(tasks[0]!.id);
    await group.until('fail', 4);
    const failedAgain = await ended(tasks[0]!);

    expect(retried).toBe(1);
    expect(failedAgain).toMatchObject({ state: 'failed' });
    expect(group.events.filter((event) => event === 'whole 1')).toHaveLength(1);
  });

  it('lists errors by their message where failed tasks are not kept', async () => {
    const { enqueueParts, ended, group } = await startGrouped(server(), {}, { removeOnFail: true });

    const { last } = await enqueueParts(['fail']);
    await ended(last);

    expect(group.ends[0]).toMatchObject([{ state: 'failed', error: { name: 'Error', message: 'too large' } }]);
  });

  it('runs the others as single tasks if the last one was cancelled before it was handed over', async () => {
    const { enqueue, ended, group } = await startGrouped(server());

    const { tasks } = await enqueue((all) => {
      const added = all.enqueueGroup([{ definition: Part, payload: { act: 'a' } }], lastOf(1));
      added.last.cancel();
      return added;
    });

    expect(await ended(tasks[0]!)).toMatchObject({ state: 'succeeded' });
    expect(group.ends).toEqual([]);
  });

  it('does not wait for a task that was cancelled before it was handed over', async () => {
    const { enqueue, ended, group } = await startGrouped(server());

    const { last } = await enqueue((all) => {
      const parts = ['a', 'b'].map((act) => ({ definition: Part, payload: { act } }));
      const added = all.enqueueGroup(parts, lastOf(1));
      added.tasks[0]!.cancel();
      return added;
    });
    await ended(last);

    expect(group.ends[0]!.map(({ state }) => state)).toEqual(['discarded', 'succeeded']);
  });

  it('takes a thousand tasks', async () => {
    const { enqueueParts, ended, group } = await startGrouped(server(), {}, { worker: { concurrency: 50 } });

    const { last } = await enqueueParts(Array.from({ length: 1_000 }, (_, index) => `${index}`));
    await ended(last);

    expect(group.ends[0]!.map(({ result }) => Number((result as { act: string }).act))).toEqual(
      Array.from({ length: 1_000 }, (_, index) => index),
    );
  });

  it('keeps its settings for the backend apart for each task', async () => {
    const { enqueue, app } = await startGrouped(server(), {}, { worker: false });

    await enqueue((all) =>
      all.enqueueGroup([{ definition: Part, payload: { act: 'a' }, options: { bullmq: { priority: 7 } } }], {
        ...lastOf(1),
        options: { bullmq: { priority: 9 } },
      }),
    );

    const jobs = await app.get(BullMqBackend).queue.getJobs(['prioritized', 'waiting-children']);
    expect(jobs.map(({ name, priority }) => ({ name, priority })).toSorted(byPriority)).toEqual([
      { name: 'part', priority: 7 },
      { name: 'whole', priority: 9 },
    ]);
  });
});

describe('B51 · a group in the transaction of a resource', { timeout: 30_000 }, () => {
  const server = useServer(preparePostgres);

  async function startWithSession() {
    const pool = openPool(server().url);
    await pool.query(`
      DROP TABLE IF EXISTS albums;
      CREATE TABLE albums (id text CONSTRAINT one UNIQUE DEFERRABLE INITIALLY DEFERRED)`);
    class Session {
      constructor(readonly client: pg.PoolClient) {}
    }
    const session = provideResource({
      provide: Session,
      release: 'before-response',
      transaction: ({ client }: Session) => client,
      async *useFactory() {
        const client = await pool.connect();
        await client.query('BEGIN');
        try {
          yield new Session(client);
          await client.query('COMMIT');
        } finally {
          await client.query('ROLLBACK');
          client.release();
        }
      },
    });
    const grouped = await startGrouped(server(), { keepReports: 0 }, {}, [session]);
    /** Saves albums, the tasks of which are in a group. The same id twice makes the commit fail. */
    const save = (...ids: readonly string[]) =>
      grouped.app.get(TaskScopes).run(async (scope) => {
        const { client } = await scope.resolve(Session);
        for (const id of ids) await client.query('INSERT INTO albums VALUES ($1)', [id]);
        const parts = ids.map((act) => ({ definition: Part, payload: { act } }));
        return scope.tasks.enqueueGroup(parts, lastOf(1));
      });
    return { ...grouped, save };
  }

  it('is there as a whole once it has committed', async () => {
    const { save, ended, group } = await startWithSession();

    const { tasks, last } = await save('a', 'b');
    await ended(last);

    expect(group.ends[0]!.map(({ id, state }) => [id, state])).toEqual(tasks.map(({ id }) => [id, 'succeeded']));
  });

  it('never existed if the commit fails', async () => {
    const { save, app, group } = await startWithSession();

    await expect(save('a', 'a')).rejects.toMatchObject({ constraint: 'one' });

    expect(await app.get(BullMqBackend).queue.getJobCountByTypes()).toBe(0);
    expect(group.events).toEqual([]);
  });
});

const oneByOne = { concurrency: 1 };

function lastOf(album: number) {
  return { then: Whole, payload: { album } };
}

function byPriority(a: { readonly priority: number }, b: { readonly priority: number }): number {
  return a.priority - b.priority;
}
