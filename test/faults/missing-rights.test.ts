import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Child, startChild } from '../support/child-app.js';
import { cpuShareOf } from '../support/cpu.js';
import { preparePostgres } from '../support/postgres.js';
import { postgresRole } from '../support/postgres-role.js';
import { prepareRedis } from '../support/redis.js';
import { redisUser } from '../support/redis-user.js';
import { report } from '../support/report.js';
import { reportOldVersion } from '../support/rewriting-proxy.js';
import { useServer } from '../support/servers.js';
import { timed } from '../support/timed.js';

/** What an idle process may take of one processor. */
const IDLE_SHARE = 0.05;

/** The time in which a process without work stops. */
const STOPS_IN_MS = 5_000;

describe('B32 · a worker on Redis', () => {
  const server = useServer(() => prepareRedis());

  it.each([
    { lacks: 'INFO', rights: ['~*', '+@all', '-info'] },
    { lacks: 'scripts', rights: ['~*', '+@all', '-@scripting'] },
    { lacks: 'XADD', rights: ['~*', '+@all', '-xadd'] },
    { lacks: 'its keys', rights: ['~other:*', '+@all'] },
    { lacks: 'RPOPLPUSH, which only a worker needs', rights: ['~*', '+@all', '-rpoplpush'] },
    { lacks: 'BZPOPMIN, which only a worker needs', rights: ['~*', '+@all', '-bzpopmin'] },
  ])('whose user lacks $lacks is idle, and stops on SIGTERM', async ({ lacks, rights }) => {
    const { url } = await redisUser(server().url, ...rights);

    const { share, ms, signal } = await measureIdle(await startWorker(url), `without ${lacks}`);

    expect(share).toBeLessThanOrEqual(IDLE_SHARE);
    expect(signal).toBe('SIGTERM');
    expect(ms).toBeLessThan(STOPS_IN_MS);
  });

  it('that reports an old version is idle, and stops on SIGTERM', async () => {
    const { old } = await reportOldVersion(server().url);

    const { share, ms, signal } = await measureIdle(await startWorker(old), 'of an old version');

    expect(share).toBeLessThanOrEqual(IDLE_SHARE);
    expect(signal).toBe('SIGTERM');
    expect(ms).toBeLessThan(STOPS_IN_MS);
  });
});

describe('B32 · a worker on PostgreSQL', () => {
  const server = useServer(preparePostgres);

  it.each([
    {
      lacks: 'INSERT',
      statements: ['GRANT USAGE ON SCHEMA bullmq TO tasks', 'GRANT SELECT ON bullmq.migration TO tasks'],
    },
    {
      lacks: 'UPDATE, which only a worker needs',
      statements: [
        'GRANT USAGE ON SCHEMA bullmq TO tasks',
        'GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA bullmq TO tasks',
        'GRANT USAGE ON ALL SEQUENCES IN SCHEMA bullmq TO tasks',
      ],
    },
  ])('whose role lacks $lacks is idle, and stops on SIGTERM', async ({ lacks, statements }) => {
    const { url } = await postgresRole(server().url, ...statements);

    const { share, ms, signal } = await measureIdle(await startWorker(url), `without ${lacks}`);

    expect(share).toBeLessThanOrEqual(IDLE_SHARE);
    expect(signal).toBe('SIGTERM');
    expect(ms).toBeLessThan(STOPS_IN_MS);
  });
});

async function startWorker(url: string): Promise<Child> {
  const child = startChild('durable', { env: { SERVER: url, QUEUE: `rights-${randomUUID()}`, ROLE: 'worker' } });
  await child.said('READY');
  return child;
}

/** Measures the share of a processor that an idle process takes, and how long it takes to stop. */
async function measureIdle(child: Child, what: string) {
  // The first moments may still be those of the start.
  await cpuShareOf(child.pid, 1_000);
  const share = await cpuShareOf(child.pid, 3_000);
  const { ms } = await timed(() => {
    child.kill('SIGTERM');
    return child.exit;
  });
  report(`A worker ${what} took ${(share * 100).toFixed(1)} % of a processor, and stopped in ${Math.round(ms)} ms`);
  return { share, ms, signal: (await child.exit).signal };
}
