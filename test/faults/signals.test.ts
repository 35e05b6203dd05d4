import { describe, expect, it } from 'vitest';
import { startChild } from '../support/child-app.js';
import { drainBegun, idleConnection, keepAliveRequest, openConnection, received } from '../support/connections.js';
import { platforms } from '../support/platforms.js';

describe.each(platforms)('B18 signals on $name', (platform) => {
  it.each(['SIGTERM', 'SIGINT'] as const)('joins the drain under way when %s follows SIGTERM', async (second) => {
    const child = startChild('loaded', { platform, env: { SHUTDOWN_TIMEOUT_MS: '1000' } });
    const port = Number(await child.said('PORT'));
    const idle = await idleConnection(port);
    const client = await openConnection(port, keepAliveRequest('/work/stuck', 'POST'));
    await received(client, '201');

    const begun = Date.now();
    child.kill('SIGTERM');
    await drainBegun(idle);
    child.kill(second);
    child.kill(second);
    const exit = await child.exit;
    const tookMs = Date.now() - begun;

    const { journal } = child;
    expect(exit).toEqual({ code: null, signal: 'SIGTERM' });
    expect(tookMs).toBeGreaterThanOrEqual(990);
    expect(tookMs).toBeLessThan(1_500);
    expect(journal.of('HOOK').map((line) => line.split(' ')[0])).toEqual(['onModuleDestroy', 'onApplicationShutdown']);
    expect(journal.of('L')).toHaveLength(1);
    expect([journal.lost, journal.corrupt, journal.of('X')]).toEqual([[], [], []]);
  });

  it('ends in order when the signal comes while the application is being built', async () => {
    const child = startChild('loaded', { platform, env: { SLOW_START: 'yes' } });
    await child.said('STARTING');

    child.kill('SIGTERM');
    const exit = await child.exit;

    expect(exit, child.output).toEqual({ code: null, signal: 'SIGTERM' });
    expect(child.journal.of('HOOK').map((line) => line.split(' ')[0])).toEqual([
      'onModuleDestroy',
      'onApplicationShutdown',
    ]);
    expect([child.journal.of('L'), child.journal.of('X')]).toEqual([[], []]);
  });
});
