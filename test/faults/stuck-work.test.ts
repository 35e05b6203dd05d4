import { describe, expect, it } from 'vitest';
import { type Child, startChild } from '../support/child-app.js';
import { load } from '../support/load.js';
import { platforms } from '../support/platforms.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';

const SHUTDOWN_TIMEOUT_MS = 2_000;
const GRACE_MS = 400;
const TASKS_OF_EACH_KIND = 100;
const ROUNDS = scaled(1, 10);

describe.each(platforms)('B18 SIGTERM with work that never ends on $name', (platform) => {
  it(
    'abandons stuck tasks by the deadline, names them in one line, and loses none of the others',
    async () => {
      let worstOvershootMs = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const child = startChild('loaded', { platform, env: { SHUTDOWN_TIMEOUT_MS: String(SHUTDOWN_TIMEOUT_MS) } });
        const stuck = await post(child, '/work/stuck', TASKS_OF_EACH_KIND);
        const good = await post(child, '/work', TASKS_OF_EACH_KIND / 2);
        const begun = Date.now();
        child.kill('SIGTERM');
        const exit = await child.exit;
        const tookMs = Date.now() - begun;
        worstOvershootMs = Math.max(worstOvershootMs, tookMs - SHUTDOWN_TIMEOUT_MS);

        const { journal } = child;
        expect(exit).toEqual({ code: null, signal: 'SIGTERM' });
        expect(tookMs).toBeLessThan(SHUTDOWN_TIMEOUT_MS + 500);
        expect([journal.lost, journal.corrupt, journal.of('X')]).toEqual([[], [], []]);
        const { ends } = journal;
        expect(good.map((id) => ends.get(id))).toEqual(good.map(() => ['succeeded']));
        expect(stuck.map((id) => ends.get(id))).toEqual(stuck.map(() => ['abandoned']));
        const lines = journal.of('L');
        expect(lines).toHaveLength(1);
        for (const id of stuck) expect(lines[0]).toMatch(new RegExp(`"stuck" \\(id ${id}, running for \\d+ ms\\)`));
        const aborts = new Map(journal.of('ABORTED').map((line) => line.split(' ') as [string, string]));
        for (const id of stuck) {
          expect(Number(aborts.get(id)) - begun).toBeGreaterThanOrEqual(SHUTDOWN_TIMEOUT_MS - GRACE_MS - 20);
          expect(Number(aborts.get(id)) - begun).toBeLessThan(SHUTDOWN_TIMEOUT_MS);
        }
      }
      report(
        `${platform.name}, ${TASKS_OF_EACH_KIND} stuck and as many good tasks: good lost 0, exit at most ${worstOvershootMs} ms ` +
          `after the deadline of ${SHUTDOWN_TIMEOUT_MS} ms, over ${ROUNDS} SIGTERMs`,
      );
    },
    ROUNDS * 60_000,
  );

  it('is not held up by a disposer that never settles, and names it', async () => {
    const child = startChild('loaded', { platform, env: { SHUTDOWN_TIMEOUT_MS: '1000' } });
    await post(child, '/hanging', 1);
    const begun = Date.now();
    child.kill('SIGTERM');
    const exit = await child.exit;

    expect(exit).toEqual({ code: null, signal: 'SIGTERM' });
    expect(Date.now() - begun).toBeLessThan(1_500);
    expect(child.journal.of('DISPOSING')).toHaveLength(1);
    expect(child.journal.of('L')).toEqual([expect.stringMatching(/^error .*HangingSession/)]);
  });
});

/** Posts that many times, and returns the ids of the tasks. */
async function post(child: Child, path: string, times: number): Promise<string[]> {
  const port = Number(await child.said('PORT'));
  const ids: string[] = [];
  await load({
    port,
    clients: 20,
    keepAlive: true,
    next: (index) => (index < times ? { path } : undefined),
    answered: ({ status, body }) => {
      expect(status, body).toBe(201);
      ids.push(...((JSON.parse(body) as { ids?: string[] }).ids ?? []));
    },
  });
  return ids;
}
