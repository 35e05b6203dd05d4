import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { BullMqSchedules } from '../../src/bullmq/index.js';
import {
  BackendUnavailableError,
  BackgroundTasksError,
  defineTask,
  InvalidOptionError,
  TaskHandler,
} from '../../src/index.js';
import { type DurableApp, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { hostileObjects } from '../support/hostile-values.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const Report = defineTask<{ kind: string }>({ name: 'report' });
@TaskHandler(Report)
class ReportHandler {
  run() {}
}
const providers = [ReportHandler];

describe.each(servers)('B34 · schedules on $kind', ({ prepare }) => {
  const server = useServer(prepare);

  it('run a task again and again, each time as one of its own, until they are removed', async () => {
    const runner = new RecordedRunner().handle('report');
    const durable = await startDurable({ providers, server: server(), runner, worker: {} });
    const schedules = durable.app.get(BullMqSchedules);
    await untilReady(durable);

    await schedules.set('every-now-and-then', Report, { kind: 'daily' }, { every: 100 });
    await runner.ran(3);

    const envelopes = runner.runs.map(({ envelope }) => envelope);
    expect(envelopes.every(({ payload }) => JSON.stringify(payload) === '{"kind":"daily"}')).toBe(true);
    expect(new Set(envelopes.map(({ id }) => id)).size).toBe(envelopes.length);
    expect(await schedules.remove('every-now-and-then')).toBe(true);
    expect(await schedules.remove('every-now-and-then')).toBe(false);
  });

  it('make one task when several processes set them at the same moment', async () => {
    const queueName = `test-${randomUUID()}`;
    const processes = await Promise.all(
      Array.from({ length: 5 }, () => startDurable({ providers, server: server(), queueName })),
    );
    await Promise.all(processes.map((durable) => untilReady(durable)));
    const ids = Array.from({ length: 12 }, (_, index) => `schedule-${index}`);

    const set = ({ app }: DurableApp) =>
      ids.map((id) => app.get(BullMqSchedules).set(id, Report, { kind: 'daily' }, { every: 3_600_000 }));
    await Promise.all(processes.flatMap(set));

    const [{ backend }] = processes as [DurableApp];
    expect(await backend.queue.getJobCountByTypes('wait', 'delayed')).toBe(ids.length);
  });

  it('are set once a task of theirs has ended that stands in the way', async () => {
    const durable = await startDurable({ providers, server: server() });
    const { queue } = durable.backend;
    const schedules = durable.app.get(BullMqSchedules);
    await untilReady(durable);
    // BullMQ names the tasks of a schedule after their moments.
    const repeat = { every: 3_600_000, startDate: Date.now() + 3_600_000 };
    const ids = Array.from({ length: 40 }, (_, index) => `repeat:hourly:${repeat.startDate + index * repeat.every}`);
    await queue.addBulk(ids.map((jobId) => ({ name: 'report', data: {}, opts: { jobId } })));
    const asked = vi.spyOn(queue, 'upsertJobScheduler');

    const set = schedules.set('hourly', Report, { kind: 'weekly' }, repeat);
    await until('BullMQ has refused', () => asked.mock.settledResults[0]?.type === 'rejected');
    await queue.obliterate({ force: true });
    await set;

    expect((await queue.getJobScheduler('hourly'))!.template!.data).toMatchObject({ payload: { kind: 'weekly' } });
  });

  it('are left alone when they are set again, so that a task which is due is not dropped', async () => {
    const durable = await startDurable({ providers, server: server() });
    const { queue } = durable.backend;
    const schedules = durable.app.get(BullMqSchedules);
    await untilReady(durable);
    const set = (hour: string) =>
      schedules.set(
        'nightly',
        Report,
        { kind: 'daily' },
        { pattern: `0 ${hour} * * *`, tz: 'Europe/Berlin' },
        settings,
      );
    const settings = { attempts: 7, backoff: { type: 'exponential', delay: 5 }, priority: 3 };
    await set('3');
    const [due] = await queue.getDelayed();
    await due!.promote();

    await set('3');
    const again = await queue.getPrioritized();
    await set('4');
    const changed = [await queue.getPrioritized(), await queue.getDelayed()];

    expect(again.map(({ id }) => id)).toEqual([due!.id]);
    expect(changed.map((jobs) => jobs.length)).toEqual([0, 1]);
  });

  it('are listed', async () => {
    const durable = await startDurable({ providers, server: server() });
    const schedules = durable.app.get(BullMqSchedules);
    await untilReady(durable);
    const startDate = Date.now() + 60_000;
    await schedules.set('often', Report, { kind: 'daily' }, { every: 1_000, startDate });
    await schedules.set('nightly', Report, { kind: 'daily' }, { pattern: '0 3 * * *', tz: 'Europe/Berlin', startDate });

    const nextAt = expect.any(Number) as number;
    expect(await schedules.list()).toEqual([
      { id: 'often', name: 'report', every: 1_000, nextAt },
      { id: 'nightly', name: 'report', pattern: '0 3 * * *', tz: 'Europe/Berlin', nextAt },
    ]);
  });

  it('are refused for a definition that this process has no handler for', async () => {
    const durable = await startDurable({ providers, server: server() });
    const schedules = durable.app.get(BullMqSchedules);
    await untilReady(durable);
    const every = { every: 60_000 };

    const [another, namesake] = [defineTask({ name: 'another' }), defineTask({ name: 'report' })];
    await expect(schedules.set('a', another, {}, every)).rejects.toThrow('No handler for task "another".');
    await expect(schedules.set('a', namesake, {}, every)).rejects.toThrow(
      'the handler of that name is for another one',
    );
  });

  it.each(['', 5])('are refused with an id that is none: %j', async (scheduleId) => {
    const durable = await startDurable({ providers, server: server() });
    const schedules = durable.app.get(BullMqSchedules);
    await untilReady(durable);

    await expect(schedules.set(scheduleId as string, Report, { kind: 'daily' }, { every: 60_000 })).rejects.toThrow(
      '"scheduleId"',
    );
    await expect(schedules.remove(scheduleId as string)).rejects.toThrow(InvalidOptionError);
  });

  it('are refused in a few seconds while it is frozen', { timeout: 20_000 }, async () => {
    const durable = await startDurable({ providers, server: server() });
    await untilReady(durable);
    server().freeze();
    const from = performance.now();

    const set = durable.app.get(BullMqSchedules).set('nightly', Report, { kind: 'daily' }, { every: 60_000 });
    await expect(set).rejects.toThrow(/^Schedule "nightly" could not be handed over: .*setting it twice makes one\.$/);
    server().thaw();

    expect(performance.now() - from).toBeLessThan(2_500);
  });
});

describe('B34 · schedules that make no sense', () => {
  it.each([
    [{}, '"repeat"'],
    [{ pattern: '0 3 * * *', every: 5 }, '"repeat"'],
    [{ every: 0 }, '"repeat.every"'],
    [{ pattern: 'nonsense' }, 'as in a crontab'],
    [{ pattern: '0 3 * * *', tz: 'Atlantis' }, 'a known "tz"'],
  ])('are refused, and it is no outage: %o', async (repeat, says) => {
    const durable = await startDurable({ providers, server: { options: { connection: 'redis://127.0.0.1:1' } } });

    const set = durable.app.get(BullMqSchedules).set('nightly', Report, { kind: 'daily' }, repeat);

    await expect(set).rejects.toThrow(InvalidOptionError);
    await expect(set).rejects.toThrow(says);
  });
});

describe('B34 · schedules of what cannot be read', () => {
  it.each(hostileObjects)('are refused by code, and show nothing of it: $what', async ({ make }) => {
    const durable = await startDurable({ providers, server: { options: { connection: 'redis://127.0.0.1:1' } } });
    const schedules = durable.app.get(BullMqSchedules);
    const every = { every: 60_000 };

    const refusals = await Promise.all(
      [
        schedules.set(make() as never, Report, { kind: 'daily' }, every),
        schedules.set('nightly', make() as never, { kind: 'daily' }, every),
        schedules.set('nightly', Report, make() as never, every),
        schedules.set('nightly', Report, { kind: 'daily' }, make()),
        schedules.set('nightly', Report, { kind: 'daily' }, every, make()),
      ].map((set) => set.catch((error: unknown) => error)),
    );

    expect(refusals.filter((error) => !(error instanceof BackgroundTasksError))).toEqual([]);
    expect(refusals.map((error) => (error as Error).message).join()).not.toContain('canary');
  });
});

describe('B34 · schedules without a server', () => {
  it('are refused at once', async () => {
    const durable = await startDurable({ providers, server: { options: { connection: 'redis://127.0.0.1:1' } } });
    const schedules = durable.app.get(BullMqSchedules);

    await expect(schedules.set('nightly', Report, { kind: 'daily' }, { pattern: '0 3 * * *' })).rejects.toThrow(
      BackendUnavailableError,
    );
    await expect(schedules.remove('nightly')).rejects.toThrow(BackendUnavailableError);
    await expect(schedules.list()).rejects.toThrow(/^Schedules could not be listed: Redis: /);
  });
});
