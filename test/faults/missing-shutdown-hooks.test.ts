import { describe, expect, it } from 'vitest';
import { startChild } from '../support/child-app.js';
import { platforms } from '../support/platforms.js';

describe.each(platforms)('B18 shutdown hooks on $name', (platform) => {
  it('warns once, with the first task, that a signal would lose it, and names the line to write', async () => {
    const child = startChild('unhooked', { platform, env: { KIND: 'plain' } });

    expect(await child.exit, child.output).toEqual({ code: 0, signal: null });

    expect(child.journal.of('L')).toEqual([
      'warn Task "mail" would be lost if the process received SIGTERM now: nobody listens to that signal. ' +
        'Call app.enableShutdownHooks() before app.listen(). ' +
        'Ignore this if something else calls app.close() at shutdown.',
    ]);
  });

  it.each(['hooked', 'hooked late', 'with a listener of its own', 'tested', 'context'])(
    'does not warn in an application that is: %s',
    async (kind) => {
      const child = startChild('unhooked', { platform, env: { KIND: kind } });

      expect(await child.exit, child.output).toEqual({ code: 0, signal: null });

      expect(child.journal.of('L')).toEqual([]);
    },
  );
});
