import { describe, expect, it } from 'vitest';
import { startChild } from '../support/child-app.js';
import { type Call, load } from '../support/load.js';
import { platforms } from '../support/platforms.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';

const REQUESTS = scaled(2_000, 10_000);

/** Every way for a request to end; what is not listed as left waits for its answer. */
const mixture: readonly { readonly call: Call; readonly status: number | undefined }[] = [
  { call: { path: '/mixed/answer/1' }, status: 200 },
  { call: { path: '/mixed/answer/none' }, status: 400 },
  { call: { path: '/mixed/answer/1?gate=shut' }, status: 403 },
  { call: { path: '/mixed/denied' }, status: 403 },
  { call: { path: '/mixed/fail' }, status: 404 },
  { call: { path: '/mixed/slow', leaves: true }, status: undefined },
  { call: { path: '/mixed/slow' }, status: 200 },
  { call: { path: '/half-built' }, status: 500 },
];

describe.each(platforms)('B23 mixed requests without tasks on $name', (platform) => {
  it(
    'disposes of every instance that was created exactly once',
    async () => {
      const child = startChild('disposal', { platform });
      const port = Number(await child.said('PORT'));
      const statuses = new Map<number, number>();
      await load({
        port,
        clients: 40,
        keepAlive: true,
        next: (index) => (index < REQUESTS ? { ...mixture[index % mixture.length]!.call, method: 'GET' } : undefined),
        answered: ({ status }) => statuses.set(status, (statuses.get(status) ?? 0) + 1),
      });
      child.kill('SIGTERM');
      const exit = await child.exit;

      const { journal } = child;
      const born = journal.of('N');
      const disposed = journal.of('D');
      report(
        `${platform.name}: ${REQUESTS} mixed requests, ${born.length} sessions, leaked ${born.length - new Set(disposed).size}`,
      );
      expect(exit).toEqual({ code: null, signal: 'SIGTERM' });
      expect(journal.of('X')).toEqual([]);
      expect(disposed.toSorted()).toEqual(born.toSorted());
      expect(born.length).toBeGreaterThan(REQUESTS * 0.9);
      const share = REQUESTS / mixture.length;
      expect(Object.fromEntries(statuses)).toEqual({
        200: 2 * share,
        400: share,
        403: 2 * share,
        404: share,
        500: share,
      });
    },
    scaled(60_000, 120_000),
  );
});
