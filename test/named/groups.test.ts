import { lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Part, Picky, Row, startGrouped, Whole } from '../support/grouped-app.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const backends = [{ kind: 'this process', prepare: undefined }, ...servers];

describe.each(backends)('B51 · a group that runs on $kind', { timeout: 30_000 }, ({ prepare }) => {
  const server = prepare && useServer(prepare);
  const start = (...options: [Parameters<typeof startGrouped>[1]?]) => startGrouped(server?.(), ...options);

  it('runs its last task when all have ended, which it lists in their order', async () => {
    const { enqueueParts, ended, group } = await start();

    const { tasks, last } = await enqueueParts(['a', 'fail', 'b']);
    const report = await ended(last);

    expect(report).toMatchObject({ state: 'succeeded', result: { album: 1 }, name: 'whole' });
    expect(report.group).toEqual({ total: 3, ended: 3, failed: 1 });
    const [a, fail, b] = tasks.map(({ id }) => id);
    const error = { name: 'RangeError', message: 'too large', code: 'TOO_LARGE' };
    expect(group.ends).toEqual([
      [
        { id: a, name: 'part', state: 'succeeded', result: { act: 'a' } },
        { id: fail, name: 'part', state: 'failed', error },
        { id: b, name: 'part', state: 'succeeded', result: { act: 'b' } },
      ],
    ]);
    expect(group.events.toSorted()).toEqual(['a', 'b', 'fail', 'fail', 'whole 1']);
    expect(group.events.at(-1)).toBe('whole 1');
  });

  it('tells the progress of the whole, also to those who watch', async () => {
    const { enqueueParts, group, reports } = await start();

    const { last } = await enqueueParts(['hold', 'a', 'fail']);
    const shown = lastValueFrom(reports.watch(last.id).pipe(toArray()));
    await until('two have ended', async () => (await reports.find(last.id))!.group!.ended === 2);
    const between = await reports.find(last.id);
    group.held.resolve();

    expect(between).toMatchObject({ state: 'waiting', group: { total: 3, ended: 2, failed: 1 } });
    const seen = await shown;
    expect(seen.at(-1)).toMatchObject({ state: 'succeeded', group: { total: 3, ended: 3, failed: 1 } });
    expect(seen.at(0)!.state).toBe('waiting');
  });

  it('runs the last task at once if there are no others', async () => {
    const { enqueueParts, ended, group } = await start();

    const { tasks, last } = await enqueueParts([]);

    expect(await ended(last)).toMatchObject({ state: 'succeeded', group: { total: 0, ended: 0, failed: 0 } });
    expect(tasks).toEqual([]);
    expect(group.ends).toEqual([[]]);
  });

  it('lists what was cancelled, waiting or running', async () => {
    const { enqueueParts, ended, reports, group } = await start();
    const { tasks, last } = await enqueueParts(['hold', 'hold', 'hold', 'a']);
    await group.until('hold', 3);

    const answers = [await reports.cancel(tasks[3]!.id), await reports.cancel(tasks[0]!.id)];
    await ended(tasks[0]!);
    group.held.resolve();
    await ended(last);

    expect(answers).toEqual(['removed', 'requested']);
    expect(group.ends[0]!.map(({ state }) => state)).toEqual(['cancelled', 'succeeded', 'succeeded', 'cancelled']);
  });

  it('runs the others if the last one is cancelled', async () => {
    const { enqueueParts, ended, reports, group } = await start();
    const { tasks, last } = await enqueueParts(['hold', 'a']);

    const answer = await reports.cancel(last.id);
    group.held.resolve();
    const reported = [await ended(tasks[0]!), await ended(tasks[1]!), await ended(last)];

    expect(answer).toBe('removed');
    expect(reported.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'cancelled']);
    expect(group.ends).toEqual([]);
  });

  it('waits for tasks of several definitions, and of batches', async () => {
    const { enqueue, ended, group } = await start();

    const { last } = await enqueue((tasks) =>
      tasks.enqueueGroup(
        [
          { definition: Row, payload: { act: 'row 1' } },
          { definition: Part, payload: { act: 'a' } },
          { definition: Row, payload: { act: 'row 2' } },
        ],
        { then: Whole, payload: { album: 1 } },
      ),
    );
    await ended(last);

    expect(group.ends[0]!.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'row succeeded',
      'part succeeded',
      'row succeeded',
    ]);
    expect(group.events.at(-1)).toBe('whole 1');
  });

  it('keeps all of its tasks and one order, whatever the definitions say of runOn and dedupe', async () => {
    const { enqueue, ended, group } = await start();
    const picky = ['a', 'b'].map((act) => ({ definition: Picky, payload: { act } }));

    const { last } = await enqueue((tasks) => tasks.enqueueGroup(picky, { then: Whole, payload: { album: 1 } }));
    await ended(last);

    expect(group.events.toSorted()).toEqual(['a', 'b', 'whole 1']);
  });

  it('leaves what its last task enqueues out of the group', async () => {
    const { enqueueParts, group } = await start();

    await enqueueParts(['a'], 2);
    await group.until('after');

    expect(group.events).toEqual(['a', 'whole 2', 'after']);
  });

  it('runs two groups of one unit of work apart', async () => {
    const { enqueue, ended, group } = await start();
    const of = (...acts: string[]) => acts.map((act) => ({ definition: Part, payload: { act } }));

    const groups = await enqueue((tasks) => [
      tasks.enqueueGroup(of('a', 'b'), { then: Whole, payload: { album: 1 } }),
      tasks.enqueueGroup(of('c'), { then: Whole, payload: { album: 3 } }),
    ]);
    for (const { last } of groups) await ended(last);

    expect(new Set(group.ends.map((ends) => ends.length))).toEqual(new Set([1, 2]));
  });

  it('enqueues nothing if the unit of work fails', async () => {
    const { enqueue, group, host, app } = await start();

    const failing = enqueue((tasks) => {
      tasks.enqueueGroup([{ definition: Part, payload: { act: 'a' } }], { then: Whole, payload: { album: 1 } });
      throw new Error('no');
    });

    await expect(failing).rejects.toThrow('no');
    expect(host.stats()).toMatchObject({ accepted: 2, discarded: 2 });
    await app.close();
    expect(group.events).toEqual([]);
  });

  it('enqueues nothing if one of its payloads is refused', async () => {
    const { enqueue, host } = await start();
    const payload = { act: 1n as unknown as string };

    const refused = await enqueue((tasks) => {
      const group = [
        { definition: Part, payload: { act: 'a' } },
        { definition: Part, payload },
      ];
      try {
        return tasks.enqueueGroup(group, { then: Whole, payload: { album: 1 } });
      } catch (error) {
        return error;
      }
    });

    expect(refused).toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect(host.stats()).toMatchObject({ accepted: 0 });
  });
});
