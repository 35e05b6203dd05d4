import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { TaskStats } from '../../src/index.js';
import { startChild } from '../support/child-app.js';
import { type Call, load } from '../support/load.js';
import { platforms } from '../support/platforms.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';

const REQUESTS = scaled(2_000, 100_000);

describe.each(platforms)('B16 everything at once on $name', (platform) => {
  it(
    'gives every accepted task exactly one end, and the counts add up at every instant',
    async () => {
      const seed = Number(process.env.FAULT_SEED ?? (process.env.FAULT_SCALE ? randomInt(2 ** 31) : 20_261_124));
      const child = startChild('chaos', { platform, env: { SEED: String(seed) } });
      const port = Number(await child.said('PORT'));
      const statuses = new Map<number, number>();
      let answers = 0;

      await load({
        port,
        clients: 40,
        keepAlive: true,
        next: call,
        answered: ({ status }) => {
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          answers++;
          if (answers === REQUESTS) child.kill('SIGTERM');
        },
      });
      const exit = await child.exit;

      const { journal } = child;
      const stats = JSON.parse(journal.of('STATS')[0]!) as TaskStats;
      const { accepted, waiting, running, ...ends } = stats;
      report(
        `${platform.name}, seed ${seed}, ${answers} answers: ${accepted} accepted tasks, ${JSON.stringify(ends)}; ` +
          `0 violations in ${journal.of('SAMPLES')[0]} samples, 0 with two ends`,
      );
      expect(exit).toEqual({ code: null, signal: 'SIGTERM' });
      expect(journal.of('VIOLATION'), `seed ${seed}`).toEqual([]);
      expect([journal.lost, journal.corrupt, journal.of('X')], `seed ${seed}`).toEqual([[], [], []]);
      expect(waiting + running).toBe(0);
      expect(accepted).toBe(journal.accepted.length);
      for (const [state, count] of Object.entries(ends))
        expect(journal.count(state as keyof typeof ends), state).toBe(count);
      expect(accepted).toBe(Object.values(ends).reduce((sum, count) => sum + count, 0));
      expect(journal.of('D')).toHaveLength(journal.of('N').length);
      // Each of the faults has happened, or the run has shown nothing.
      for (const state of ['succeeded', 'failed', 'timed-out', 'discarded', 'cancelled', 'abandoned'] as const) {
        expect(ends[state], state).toBeGreaterThan(0);
      }
      expect(new Set(statuses.keys())).toEqual(new Set([201, 403, 500, 503]));
    },
    scaled(90_000, 900_000),
  );
});

/** A few tasks that never end and a few floods to begin with; then the mixture, with one client in twenty that leaves. */
function call(index: number): Call {
  if (index < 5) return { path: '/chaos/never' };
  if (index < 10) return { path: '/chaos/flood' };
  return { path: '/chaos', leaves: index % 20 === 0 };
}
