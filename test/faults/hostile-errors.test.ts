import { describe, expect, it } from 'vitest';
import { startChild } from '../support/child-app.js';
import { load } from '../support/load.js';
import { type Platform, platforms } from '../support/platforms.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';

const values = [
  'undefined',
  'null',
  'string',
  'frozen',
  'message',
  'stack',
  'symbol',
  'proxy',
  'thenable',
  'nan',
  'http',
];
const ways = ['throws', 'rejects', 'thenable', 'throwing-thenable'];
const positions = [0, 1, 2];
const paths = values.flatMap((value) =>
  ways.flatMap((way) => positions.map((position) => `/hostile/${value}/${way}/${position}`)),
);

const REQUESTS = scaled(2_000, 100_000);

describe.each(platforms)('B12 what a task may throw on $name', (platform) => {
  it('costs one log line each and nothing else, whatever it is, however it comes and wherever it stands', async () => {
    const journal = await serve(platform, paths);

    expect(journal.count('failed')).toBe(paths.length);
    expect(journal.count('succeeded')).toBe(2 * paths.length);
    const failed = [...journal.ends].filter(([, [state]]) => state === 'failed').map(([id]) => id);
    const lines = journal.of('L');
    expect(lines).toHaveLength(paths.length);
    for (const id of failed) {
      expect(
        lines.filter((line) => line.startsWith(`error Task "hostile" failed (id ${id}, attempt 1, `)),
      ).toHaveLength(1);
    }
  });

  it(
    'does not wear the process out',
    async () => {
      const journal = await serve(
        platform,
        Array.from({ length: REQUESTS }, (_, index) => `/hostile/${index}`),
      );

      report(
        `${platform.name}: ${REQUESTS} requests, 1 % with a throwing task: 0 crashes, ${journal.count('failed')} failed`,
      );
      expect(journal.count('failed')).toBe(REQUESTS / 100);
      expect(journal.count('succeeded')).toBe(2 * REQUESTS - REQUESTS / 100);
    },
    scaled(60_000, 300_000),
  );
});

/** Sends each request, ends the application, and shows that the process took no harm. */
async function serve(platform: Platform, requests: readonly string[]) {
  const child = startChild('hostile', { platform });
  const port = Number(await child.said('PORT'));
  await load({
    port,
    clients: 20,
    keepAlive: true,
    next: (index) => (index < requests.length ? { path: requests[index]! } : undefined),
    answered: ({ status, body }) => expect(status, body).toBe(201),
  });
  child.kill('SIGTERM');
  expect(await child.exit).toEqual({ code: null, signal: 'SIGTERM' });
  const { journal } = child;
  expect([journal.lost, journal.corrupt, journal.of('X')]).toEqual([[], [], []]);
  return journal;
}
