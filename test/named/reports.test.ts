import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type NamedTaskReport, TaskReports } from '../../src/index.js';
import { Export, startReported } from '../support/reported-app.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { until } from '../support/until.js';

const backends = [{ kind: 'this process', prepare: undefined }, ...servers];

describe.each(backends)('B41 · the report of a task that runs on $kind', { timeout: 30_000 }, ({ prepare }) => {
  const server = prepare && useServer(prepare);
  const start = (settings = {}) => startReported(server?.(), settings);

  it('tells its state, attempts, progress, result and times', async () => {
    const { enqueue, ended, reports, exports } = await start();
    const before = Date.now() - 1;

    const id = await enqueue('progress');
    await exports.until('progress 1');
    await until('the progress is stored', async () => typeof (await reports.find(id))!.progress === 'object');
    const running = (await reports.find(id))!;
    exports.held.resolve();
    const report = await ended(id);

    expect(running).toMatchObject({ id, name: 'export', state: 'running', attempts: 1, progress: { done: 2, of: 3 } });
    expect(running).not.toHaveProperty('endedAt');
    expect(report).toMatchObject({
      id,
      name: 'export',
      state: 'succeeded',
      attempts: 1,
      progress: { done: 2, of: 3 },
      result: { rows: 3 },
    });
    const { enqueuedAt, startedAt, endedAt } = report;
    const times = [before, enqueuedAt, startedAt!, endedAt!, Date.now() + 1];
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('tells the name, message and code of the last error', async () => {
    const { enqueue, ended } = await start();

    const report = await ended(await enqueue('fail'));

    expect(report).toMatchObject({
      state: 'failed',
      attempts: 2,
      progress: 0,
      error: { name: 'QuotaError', message: 'no more rows', code: 'QUOTA' },
    });
    expect(report).not.toHaveProperty('result');
  });

  it.each([
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['an object with getters', Object.defineProperty({}, 'a', { enumerable: true, get: () => 1 }), { a: 1 }],
    ['false', false, false],
    ['text with the letters of an escape', String.raw`\u0000`, String.raw`\u0000`],
  ])('holds a result that is %s as JSON shows it', async (_what, returned, result) => {
    const { enqueue, ended, exports } = await start();
    exports.returned = returned;

    expect(await ended(await enqueue('return'))).toMatchObject({ state: 'succeeded', result });
  });

  it.each([
    ['JSON cannot say', 10n, 'JSON cannot say it'],
    ['leads back to itself', circle(), 'JSON cannot say it'],
    ['is too large', 'x'.repeat(70_000), 'it takes 70002 bytes, and maxPayloadBytes is 65536'],
    ['has a NUL character', 'a\0b', 'it has a lone surrogate or a NUL character'],
  ])('lacks a result that %s, which fails nothing and is logged once', async (_what, returned, problem) => {
    const { enqueue, ended, exports, worker } = await start();
    exports.returned = returned;

    const reports = [await ended(await enqueue('return')), await ended(await enqueue('return'))];

    for (const report of reports) {
      expect(report.state).toBe('succeeded');
      expect(report).not.toHaveProperty('result');
    }
    expect(worker.logs.warnings.filter((line) => line.includes('lacks what the handler returned'))).toEqual([
      expect.stringContaining(`The report of task "export" lacks what the handler returned: ${problem}.`),
    ]);
  });

  it('has neither a result nor an error if the handler returns nothing', async () => {
    const { enqueue, ended, exports } = await start();
    exports.returned = undefined;

    const report = await ended(await enqueue('return'));

    expect(Object.keys(report)).not.toEqual(expect.arrayContaining(['result']));
    expect(report.state).toBe('succeeded');
  });

  it('is undefined for an id that is unknown', async () => {
    const { reports } = await start();

    const ids = ['', '42', 'a.b', '../../x', '__proto__', 'x'.repeat(10_000)];
    expect(await Promise.all(ids.map((id) => reports.find(id)))).toEqual(ids.map(() => undefined));
  });

  it('is watched from wherever the task is to its end, once for each change', async () => {
    const { enqueue, reports, exports } = await start();
    const id = await enqueue('progress');
    await exports.until('progress 1');

    const seen: NamedTaskReport[] = [];
    const watching = lastValueFrom(reports.watch(id).pipe(toArray()));
    reports.watch(id).subscribe((report) => seen.push(report));
    await until('its progress is seen', () => typeof seen.at(-1)?.progress === 'object');
    exports.held.resolve();
    const all = await watching;

    expect(all.at(-1)).toEqual(await reports.find(id));
    expect(all.map(({ state }) => state)).toContain('running');
    expect(new Set(all.map((report) => JSON.stringify(report))).size).toBe(all.length);
    expect(seen.at(-1)).toEqual(all.at(-1));
  });

  it('is watched by one who comes late: the end, and nothing more', async () => {
    const { enqueue, reports, ended } = await start();
    const id = await enqueue('return');
    const report = await ended(id);

    expect(await lastValueFrom(reports.watch(id).pipe(toArray()))).toEqual([report]);
  });

  it('completes at once for a task that nobody knows', async () => {
    const { reports } = await start();

    expect(await lastValueFrom(reports.watch('42').pipe(toArray()))).toEqual([]);
  });

  it('completes for those who watch when the application shuts down', async () => {
    const { enqueue, reports, exports, web } = await start();
    const id = await enqueue('hold');
    await exports.until('hold 1');
    const watching = lastValueFrom(reports.watch(id).pipe(toArray()));
    await firstValueFrom(reports.watch(id));

    const closing = web.app.close();
    const all = await watching;
    exports.held.resolve();
    await closing;

    expect(all.at(-1)).toMatchObject({ id, state: 'running' });
    expect(await lastValueFrom(reports.watch(id).pipe(toArray()))).toEqual([]);
  });
});

describe('B41 · reports of tasks that run in the process that enqueued them', () => {
  it('are of the latest that have ended, and of all that have not', async () => {
    const { enqueue, reports, ended, exports } = await startReported(undefined, { keepReports: 2 });
    const held = await enqueue('hold');
    await exports.until('hold 1');

    const ids: string[] = [];
    for (let count = 0; count < 3; count++) {
      ids.push(await enqueue('return'));
      await ended(ids.at(-1)!);
    }

    const found = await Promise.all([held, ...ids].map((id) => reports.find(id)));
    expect(found.map((report) => report?.state)).toEqual(['running', undefined, 'succeeded', 'succeeded']);
  });

  it('say that a task was discarded, because its request failed after the hand-over', async () => {
    const { exports, reports, web } = await startReported();
    let id = '';

    const failing = web.scopes.run(async ({ tasks }) => {
      id = tasks.enqueue(Export, { act: 'return' }).id;
      expect(await reports.find(id)).toMatchObject({ state: 'waiting', attempts: 0 });
      throw new Error('the request failed');
    });
    await expect(failing).rejects.toThrow('the request failed');

    expect(await reports.find(id)).toMatchObject({ id, state: 'discarded', attempts: 0 });
    expect(exports.events).toEqual([]);
  });

  it('do not exist by default, which is logged once when somebody asks', async () => {
    const { app, logs } = await startContext();
    const reports = app.get(TaskReports);

    const found = [await reports.find('1'), await reports.find('2'), await reports.cancel('3')];

    expect(found).toEqual([undefined, undefined, 'unknown']);
    expect(logs.warnings.filter((line) => line.includes('keepReports'))).toEqual([
      expect.stringContaining('TaskReports is used, and knows no task: nothing keeps reports. Set keepReports'),
    ]);
  });
});

function circle(): object {
  const value: { self?: object } = {};
  value.self = value;
  return value;
}
