import { describe, expect, it } from 'vitest';
import { startChild } from '../support/child-app.js';
import { platforms } from '../support/platforms.js';
import { report } from '../support/report.js';

describe.each(platforms)('B18 after close() on $name', (platform) => {
  it('the process ends by itself, at once', async () => {
    const child = startChild('closing', { platform });
    await child.said('CLOSED');
    const closedAt = performance.now();
    const exit = await child.exit;
    const tookMs = performance.now() - closedAt;

    expect(exit, child.output).toEqual({ code: 0, signal: null });
    expect(tookMs).toBeLessThan(1_000);
    expect(child.journal.count('succeeded')).toBe(10);
    expect(child.journal.of('DISPOSED')).toHaveLength(10);
    report(`${platform.name}: the process ended ${tookMs.toFixed(0)} ms after close()`);
  });

  it('two hundred applications built and closed leave no listener and cause no warning', async () => {
    const child = startChild('two-hundred-modules', { platform });
    const exit = await child.exit;

    expect(exit, child.output).toEqual({ code: 0, signal: null });
    expect(child.journal.of('LISTENERS')).toEqual(['true']);
    expect(child.journal.of('W')).toEqual([]);
    expect(child.output).not.toContain('MaxListeners');
  });
});
