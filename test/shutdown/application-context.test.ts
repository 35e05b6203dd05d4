import { Injectable, Scope } from '@nestjs/common';
import { setImmediate as turnOfTheEventLoop } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { deferred } from '../support/deferred.js';
import { startContext } from '../support/start-context.js';
import { useTimeline } from '../support/timeline.js';

const timeline = useTimeline();

describe('B18 an application context without a server', () => {
  it('lets a unit of work end, with its tasks and disposers, before other modules are destroyed', async () => {
    const { app, scopes } = await startContext({ providers: [Pool, Session] });
    const [entered, proceed] = [deferred(), deferred()];
    const running = scopes.run(async (scope) => {
      await scope.resolve(Session);
      entered.resolve();
      await proceed.promise;
      scope.tasks.addTask(() => timeline.note('task'));
    });
    await entered.promise;

    const closed = app.close().then(() => timeline.note('closed'));
    // Hooks that wait for nothing have all run by then.
    await turnOfTheEventLoop();
    proceed.resolve();
    await Promise.all([running, closed]);

    expect(timeline.events).toEqual(['task', 'disposed', 'pool destroyed', 'pool shut down', 'closed']);
    await expect(scopes.run(() => undefined)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('closes at once when there is nothing to wait for', async () => {
    const { app, host } = await startContext({ providers: [Pool, Session] });

    await app.close();

    expect(host.isDraining).toBe(true);
    expect(host.stats().accepted).toBe(0);
  });
});

@Injectable({ scope: Scope.REQUEST })
class Session {
  [Symbol.asyncDispose](): Promise<void> {
    timeline.note('disposed');
    return Promise.resolve();
  }
}

@Injectable()
class Pool {
  onModuleDestroy(): void {
    timeline.note('pool destroyed');
  }

  onApplicationShutdown(): void {
    timeline.note('pool shut down');
  }
}
