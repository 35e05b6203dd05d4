import { Agent } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { TaskStats } from '../../src/index.js';
import { startChild } from '../support/child-app.js';
import { type Call, load, send } from '../support/load.js';
import { platforms } from '../support/platforms.js';
import { report } from '../support/report.js';
import { scaled } from '../support/scale.js';

const WARM_UP = scaled(4_000, 10_000);
const REQUESTS = scaled(20_000, 100_000);
const SAMPLES = 1_000;
const MAX_GROWTH = 5 * 1024 * 1024;

describe.each(platforms)('B16 B19 memory on $name', (platform) => {
  it(`is what it was before ${REQUESTS} requests, and every request object is collected`, async () => {
    const child = startChild('memory', {
      platform,
      nodeArgs: ['--expose-gc'],
      env: { SAMPLE_EVERY: String(REQUESTS / SAMPLES) },
    });
    const port = Number(await child.said('PORT'));
    const run = (requests: number) =>
      load({ port, clients: 20, keepAlive: true, next: (index) => (index < requests ? call(index) : undefined) });

    await run(WARM_UP);
    const before = await measure(port);
    await run(REQUESTS);
    const after = await measure(port);

    report(
      `${platform.name}, ${REQUESTS} requests with two tasks each, 1 % failing handlers, 1 % failing tasks, 1 % aborted: heap ` +
        `${megabytes(before.heapUsed)} MB before, ${megabytes(after.heapUsed)} MB after; collected ${after.collected} of ${after.sampled} sampled requests`,
    );
    const { accepted, waiting, running, ...ends } = after.stats;
    expect(waiting + running).toBe(0);
    expect(accepted).toBe(Object.values(ends).reduce((sum, count) => sum + count, 0));
    // A client that left may not have got through at all.
    expect(accepted).toBeGreaterThan(2 * (WARM_UP + REQUESTS) * 0.98);
    expect(accepted).toBe(2 * after.disposed);
    expect(ends.discarded).toBeGreaterThan(0);
    expect(ends.failed).toBeGreaterThan(0);
    expect(after.sampled).toBeGreaterThanOrEqual(SAMPLES);
    expect(after.collected).toBe(after.sampled);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(MAX_GROWTH);
  }, 240_000);
});

/** Half of the requests in the one way, half in the other; in each of them 1 % fails and 1 % leaves. */
function call(index: number): Call {
  const path = index % 2 === 0 ? '/plain' : '/scoped';
  const nth = Math.floor(index / 2) % 100;
  if (nth === 20) return { path: `${path}?kind=failing` };
  if (nth === 40) return { path: `${path}?kind=failing-task` };
  if (nth === 60) return { path: `${path}?kind=left`, leaves: true };
  return { path };
}

interface Measurement {
  readonly heapUsed: number;
  readonly stats: TaskStats;
  readonly sampled: number;
  readonly collected: number;
  readonly disposed: number;
}

async function measure(port: number): Promise<Measurement> {
  const agent = new Agent();
  const answer = await send(port, agent, { path: '/measure', method: 'GET' });
  agent.destroy();
  return JSON.parse(answer!.body) as Measurement;
}

const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
