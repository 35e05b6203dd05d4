import { filter, firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startReported } from '../support/reported-app.js';
import { servers, useServer } from '../support/servers.js';

const backends = [{ kind: 'this process', prepare: undefined }, ...servers];

describe.each(backends)('a task that is cancelled on $kind', { timeout: 30_000 }, ({ prepare }) => {
  const server = prepare && useServer(prepare);
  const start = (settings = {}) => startReported(server?.(), settings);

  it('never begins if it waits, and those behind it go on', async () => {
    const { enqueueAll, ended, reports, exports } = await start({ concurrency: 1 });
    const [, waits, next] = (await enqueueAll('hold', 'cancelled', 'return')) as [string, string, string];
    await exports.until('hold 1');

    const answers = [await reports.cancel(waits), await reports.cancel(waits)];
    const report = await ended(waits);
    exports.held.resolve();

    expect(await ended(next)).toMatchObject({ state: 'succeeded' });
    expect(answers).toEqual(['removed', 'too-late']);
    expect(report).toMatchObject({ state: 'cancelled', attempts: 0 });
    expect(report).not.toHaveProperty('error');
    expect(exports.events).toEqual(['hold 1', 'return 1']);
  });

  it('has its signal aborted if it runs, and is not tried again', async () => {
    const { enqueue, ended, reports, exports, worker } = await start();
    const id = await enqueue('hold');
    await exports.until('hold 1');

    const answer = await reports.cancel(id);
    const report = await ended(id);

    expect(answer).toBe('requested');
    expect(report).toMatchObject({ state: 'cancelled', attempts: 1 });
    expect(report).not.toHaveProperty('error');
    expect(exports.events).toEqual(['hold 1']);
    expect([...worker.logs.errors, ...worker.logs.warnings]).toEqual([]);
    expect(worker.host.stats()).toMatchObject({ cancelled: 1, failed: 0, running: 0 });
  });

  it('has succeeded if it does so all the same', async () => {
    const { enqueue, ended, reports, exports } = await start();
    const id = await enqueue('stubborn');
    await exports.until('stubborn 1');

    const answer = await reports.cancel(id);
    exports.held.resolve();

    expect(answer).toBe('requested');
    expect(await ended(id)).toMatchObject({ state: 'succeeded', result: { rows: 3 } });
  });

  it('makes no further attempt if it waits for one', async () => {
    const { enqueuePatient, ended, reports, exports } = await start();
    const id = await enqueuePatient();
    await firstValueFrom(reports.watch(id).pipe(filter(({ state }) => state === 'delayed')));

    expect(await reports.cancel(id)).toBe('removed');
    expect(await ended(id)).toMatchObject({ state: 'cancelled', attempts: 1 });
    expect(exports.events).toEqual(['patient']);
  });

  it('is told to those who watch it', async () => {
    const { enqueue, reports, exports } = await start();
    const id = await enqueue('hold');
    await exports.until('hold 1');
    const states: string[] = [];
    const watching = reports.watch(id).forEach(({ state }) => void states.push(state));

    await reports.cancel(id);
    await watching;

    expect(states.at(-1)).toBe('cancelled');
  });

  it('is too late once it has ended, and unknown if nobody enqueued it', async () => {
    const { enqueue, ended, reports } = await start();
    const id = await enqueue('return');
    await ended(id);

    expect([await reports.cancel(id), await reports.cancel('42')]).toEqual(['too-late', 'unknown']);
    expect(await reports.find(id)).toMatchObject({ state: 'succeeded' });
  });

  it('has the end that the answer says, whenever it is cancelled', async () => {
    const { enqueue, ended, reports, exports } = await start({ keepReports: 200, concurrency: 60 });
    const races = Array.from({ length: 100 }, async (_, index) => {
      const id = await enqueue(index % 2 ? 'return' : 'progress');
      // So that some wait, some run and some have ended.
      if (index % 5 === 0) await ended(await enqueue('return'));
      const answer = await reports.cancel(id);
      return { answer, id };
    });

    const answers = await Promise.all(races);
    exports.held.resolve();
    const ends = await Promise.all(answers.map(async ({ answer, id }) => `${answer}: ${(await ended(id)).state}`));

    const possible = /^(removed: cancelled|requested: (cancelled|succeeded)|too-late: succeeded)$/;
    expect(ends.filter((end) => !possible.test(end))).toEqual([]);
  });
});
