import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { lastValueFrom, take, toArray } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WatchedTasks } from '../../src/named/watched-tasks.js';
import { startReported } from '../support/reported-app.js';
import { report } from '../support/report.js';
import { servers, useServer } from '../support/servers.js';
import { until } from '../support/until.js';

const FULL = process.env.FAULT_SCALE === 'full';
const REPORTS = FULL ? 100_000 : 5_000;
const AT_A_TIME = 500;
const MAX_GROWTH = 4 * 1024 * 1024;

describe.each(servers)('B41 watched reports on $kind', { timeout: 600_000 }, ({ prepare }) => {
  const server = useServer(prepare);

  it(`leave nothing behind when ${REPORTS} have been watched and forgotten`, async () => {
    const { enqueue, reports, exports } = await startReported(server());
    const ids = await Promise.all(Array.from({ length: 20 }, () => enqueue('hold')));
    await exports.until('hold 1', 10);
    const watchSome = async (count: number) => {
      for (let done = 0; done < count; done += AT_A_TIME) {
        const watching = Array.from({ length: AT_A_TIME }, (_, index) =>
          lastValueFrom(reports.watch(ids[index % ids.length]!).pipe(take(1), toArray())),
        );
        await Promise.all(watching);
      }
    };
    await watchSome(AT_A_TIME);
    const before = heapUsed();
    await watchSome(REPORTS);
    const after = heapUsed();

    report(`${REPORTS} reports watched: heap ${megabytes(before)} MB before, ${megabytes(after)} MB after`);
    expect(after - before).toBeLessThan(MAX_GROWTH);
  });

  it('are watched and forgotten again and again without a warning of Node', async () => {
    const warnings: string[] = [];
    const note = ({ name, message }: Error) => void warnings.push(`${name}: ${message}`);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    const { enqueue, reports, exports } = await startReported(server());
    const id = await enqueue('hold');
    await exports.until('hold 1');

    for (let times = 0; times < 15; times++) await lastValueFrom(reports.watch(id).pipe(take(1)));
    await new Promise(setImmediate);

    expect(warnings).toEqual([]);
  });

  it('come again after an outage, to the end', async () => {
    const { enqueue, reports, exports, worker } = await startReported(server());
    const id = await enqueue('hold');
    await exports.until('hold 1');
    const states: string[] = [];
    const watching = reports.watch(id).forEach(({ state }) => void states.push(state));
    await until('it is seen to run', () => states.includes('running'));

    await server().stop();
    exports.held.resolve();
    await server().start();
    await watching;

    expect(states.at(-1)).toBe('succeeded');
    expect(worker.logs.errors.filter((line) => line.includes('nhandled'))).toEqual([]);
  });
});

describe('B41 a report that cannot be read', () => {
  it('fails for those who have seen nothing of it yet, and only delays the next for the others', async () => {
    let answer = () =>
      Promise.resolve({ id: '1', name: 'a', state: 'running', attempts: 1, progress: 0, enqueuedAt: 1 } as const);
    let changed: (id?: string) => void = () => undefined;
    const watched = new WatchedTasks({ find: () => answer(), watch: (tell) => ((changed = tell), () => undefined) });
    const seen: unknown[] = [];
    const first = watched.watch('1').subscribe((one) => seen.push(one));
    await until('it is seen', () => seen.length === 1);

    answer = () => Promise.reject(new Error('gone'));
    changed('1');
    await expect(lastValueFrom(watched.watch('2'))).rejects.toThrow('gone');

    expect(first.closed).toBe(false);
    first.unsubscribe();
  });
});

/** Reads the size of the heap without what is garbage. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
