import { describe, expect, it } from 'vitest';
import { startChild } from '../support/child-app.js';
import { load } from '../support/load.js';
import { platforms } from '../support/platforms.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';

const ROUNDS = scaled(2, 50);
const CLIENTS = 40;
/** So many answers are in, and as many clients wait for theirs, when the signal is sent. */
const ANSWERS_BEFORE_SIGNAL = 200;
const SHUTDOWN_TIMEOUT_MS = 10_000;

describe.each(platforms)('B18 SIGTERM under load on $name', (platform) => {
  it.each([
    { connections: 'kept alive', keepAlive: true },
    { connections: 'used once', keepAlive: false },
  ])(
    `loses no accepted task and answers every request, with connections $connections`,
    async ({ connections, keepAlive }) => {
      let accepted = 0;
      let slowestExitMs = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const result = await terminateUnderLoad(platform, keepAlive);
        accepted += result.accepted;
        slowestExitMs = Math.max(slowestExitMs, result.exitMs);
      }

      report(
        `${platform.name}, connections ${connections}: lost 0 of ${accepted} over ${ROUNDS} SIGTERMs; ` +
          `slowest exit ${slowestExitMs} ms after the signal`,
      );
      expect(slowestExitMs).toBeLessThan(SHUTDOWN_TIMEOUT_MS);
    },
    ROUNDS * 40_000,
  );
});

async function terminateUnderLoad(
  platform: (typeof platforms)[number],
  keepAlive: boolean,
): Promise<{ accepted: number; exitMs: number }> {
  const child = startChild('loaded', { platform, env: { SHUTDOWN_TIMEOUT_MS: String(SHUTDOWN_TIMEOUT_MS) } });
  const port = Number(await child.said('PORT'));
  const promised: string[] = [];
  let answers = 0;
  let signalledAt = 0;

  await load({
    port,
    clients: CLIENTS,
    keepAlive,
    next: (index) => ({ path: index % 2 === 0 ? '/work' : '/scoped' }),
    answered: ({ status, body }) => {
      expect(status, body).toBe(201);
      promised.push(...(JSON.parse(body) as { ids: string[] }).ids);
      answers++;
      if (answers !== ANSWERS_BEFORE_SIGNAL) return;
      signalledAt = Date.now();
      child.kill('SIGTERM');
    },
  });
  const exit = await child.exit;
  const exitMs = Date.now() - signalledAt;

  const { journal } = child;
  expect(exit).toEqual({ code: null, signal: 'SIGTERM' });
  expect(journal.lost).toEqual([]);
  expect(journal.corrupt).toEqual([]);
  expect(journal.of('X')).toEqual([]);
  expect(journal.of('L')).toEqual([]);
  expect(journal.count('succeeded')).toBe(journal.accepted.length);
  expect(journal.accepted.toSorted()).toEqual(promised.toSorted());
  expect(journal.of('ENTERED')).toHaveLength(answers);
  expect(answers).toBeGreaterThan(ANSWERS_BEFORE_SIGNAL);
  return { accepted: journal.accepted.length, exitMs };
}
