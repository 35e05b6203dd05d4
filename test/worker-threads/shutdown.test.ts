import { Agent } from 'node:http';
import { describe, expect, it } from 'vitest';
import { type Child, startChild } from '../support/child-app.js';
import { send } from '../support/load.js';
import { platforms } from '../support/platforms.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';

const SHUTDOWN_TIMEOUT_MS = 1_000;
const ROUNDS = scaled(1, 10);

describe.each(platforms)('B38 SIGTERM while a thread function never ends on $name', (platform) => {
  it('ends the thread before the deadline, and the task with it', { timeout: ROUNDS * 60_000 }, async () => {
    let slowestMs = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const child = startChild('threads', { platform, env: { SHUTDOWN_TIMEOUT_MS: String(SHUTDOWN_TIMEOUT_MS) } });
      const stuck = await post(child, '/forever');
      const good = await post(child, '/add');

      const { exit, tookMs } = await terminate(child);

      slowestMs = Math.max(slowestMs, tookMs);
      const { journal } = child;
      expect(exit).toEqual({ code: null, signal: 'SIGTERM' });
      expect(tookMs).toBeLessThan(SHUTDOWN_TIMEOUT_MS + 500);
      expect([journal.lost, journal.corrupt, journal.of('X')]).toEqual([[], [], []]);
      expect(journal.ends.get(good)).toEqual(['succeeded']);
      // Its signal aborts before the deadline, so that it has an end of its own and need not be abandoned.
      expect(journal.ends.get(stuck)).toEqual(['failed']);
      expect(journal.of('L')).toEqual([expect.stringMatching(/^error Task "forever" failed .*ThreadCancelledError/)]);
      expect(journal.of('HOOK')).toHaveLength(1);
    }
    report(
      `${platform.name}: an endless thread function ended, and the process at most ${slowestMs} ms after SIGTERM (deadline ${SHUTDOWN_TIMEOUT_MS} ms)`,
    );
  });

  it('abandons a task at the deadline whose call knew no task, and stops the call', async () => {
    const child = startChild('threads', { platform, env: { SHUTDOWN_TIMEOUT_MS: String(SHUTDOWN_TIMEOUT_MS) } });
    const unaware = await post(child, '/unaware');

    const { exit, tookMs } = await terminate(child);

    const { journal } = child;
    expect(exit).toEqual({ code: null, signal: 'SIGTERM' });
    expect(tookMs).toBeGreaterThanOrEqual(SHUTDOWN_TIMEOUT_MS - 10);
    expect(tookMs).toBeLessThan(SHUTDOWN_TIMEOUT_MS + 500);
    expect(journal.ends.get(unaware)).toEqual(['abandoned']);
    expect(journal.of('ENDED')).toEqual(['THREAD_CANCELLED']);
    expect(journal.of('L')).toEqual([
      expect.stringContaining('abandoned 1 task(s): "unaware"'),
      'warn Shutdown stopped 1 thread function(s): "forever".',
    ]);
    expect(journal.of('X')).toEqual([]);
  });
});

describe('B38 a process whose threads are idle', () => {
  it.each([
    { what: 'with an application that has closed', CLOSE: 'yes' },
    { what: 'with no application', CLOSE: 'never' },
  ])('ends by itself, $what', async ({ CLOSE }) => {
    const child = startChild('threads', { env: { CLOSE } });
    await child.said('CLOSED');
    const closedAt = performance.now();

    const exit = await child.exit;

    expect(exit, child.output).toEqual({ code: 0, signal: null });
    expect(performance.now() - closedAt).toBeLessThan(1_000);
    expect(child.journal.of('SUM')).toEqual(['3']);
    expect([child.journal.of('W'), child.journal.of('X')]).toEqual([[], []]);
  });
});

/** Posts once, and returns the id of the task. */
async function post(child: Child, path: string): Promise<string> {
  const agent = new Agent();
  const answer = await send(Number(await child.said('PORT')), agent, { path });
  agent.destroy();
  expect(answer?.status, child.output).toBe(201);
  return (JSON.parse(answer!.body) as { ids: [string] }).ids[0];
}

async function terminate(child: Child) {
  const begun = Date.now();
  child.kill('SIGTERM');
  const exit = await child.exit;
  return { exit, tookMs: Date.now() - begun };
}
