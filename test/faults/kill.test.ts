import { describe, expect, it } from 'vitest';
import { startChild } from '../support/child-app.js';
import { load } from '../support/load.js';
import { type Platform, platforms } from '../support/platforms.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';

const ROUNDS = scaled(1, 20);
const ANSWERS_BEFORE_KILL = 200;

describe.each(platforms)('B16 SIGKILL under load on $name', (platform) => {
  it(
    'loses the tasks that had not ended, and nothing else',
    async () => {
      let [accepted, lost] = [0, 0];
      for (let round = 0; round < ROUNDS; round++) {
        const result = await killUnderLoad(platform);
        accepted += result.accepted;
        lost += result.lost;
      }
      expect(lost).toBeLessThan(accepted);
      report(
        `${platform.name}: SIGKILL lost ${lost} of ${accepted} accepted tasks over ${ROUNDS} kills (40 clients, tasks of 0–300 ms)`,
      );
    },
    ROUNDS * 60_000,
  );
});

async function killUnderLoad(platform: Platform): Promise<{ accepted: number; lost: number }> {
  const child = startChild('loaded', { platform });
  const port = Number(await child.said('PORT'));
  const promised: string[] = [];
  let answers = 0;
  await load({
    port,
    clients: 40,
    keepAlive: true,
    next: () => ({ path: '/work' }),
    answered: ({ status, body }) => {
      expect(status).toBe(201);
      promised.push(...(JSON.parse(body) as { ids: string[] }).ids);
      answers++;
      if (answers === ANSWERS_BEFORE_KILL) child.kill('SIGKILL');
    },
  });
  expect(await child.exit).toEqual({ code: null, signal: 'SIGKILL' });

  const { journal } = child;
  const accepted = new Set(journal.accepted);
  expect(promised.filter((id) => !accepted.has(id))).toEqual([]);
  expect(journal.corrupt).toEqual([]);
  expect(journal.of('L')).toEqual([]);
  expect(journal.count('succeeded')).toBe(journal.ends.size);
  expect(journal.lost).toHaveLength(accepted.size - journal.ends.size);
  return { accepted: accepted.size, lost: journal.lost.length };
}
