import { Injectable, Module, Scope } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { setImmediate as turnOfTheEventLoop } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BackgroundTasksHost, BackgroundTasksModule, TaskScopes } from '../../src/index.js';
import { deferred } from '../support/deferred.js';

const log: string[] = [];

describe('B18 an application context without a server', () => {
  it('lets a unit of work end, with its tasks and disposers, before other modules are destroyed', async () => {
    log.length = 0;
    const app = await NestFactory.createApplicationContext(ConsumerModule, { logger: false });
    const [entered, proceed] = [deferred(), deferred()];
    const running = app.get(TaskScopes).run(async (scope) => {
      await scope.resolve(Session);
      entered.resolve();
      await proceed.promise;
      scope.tasks.addTask(() => log.push('task'));
    });
    await entered.promise;

    const closed = app.close().then(() => log.push('closed'));
    // Hooks that wait for nothing have all run by then.
    await turnOfTheEventLoop();
    proceed.resolve();
    await Promise.all([running, closed]);

    expect(log).toEqual(['task', 'disposed', 'pool destroyed', 'pool shut down', 'closed']);
    await expect(app.get(TaskScopes).run(() => undefined)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('closes at once when there is nothing to wait for', async () => {
    const app = await NestFactory.createApplicationContext(ConsumerModule, { logger: false });
    const host = app.get(BackgroundTasksHost);

    await app.close();

    expect(host.isDraining).toBe(true);
    expect(host.stats().accepted).toBe(0);
  });
});

@Injectable({ scope: Scope.REQUEST })
class Session {
  [Symbol.asyncDispose](): Promise<void> {
    log.push('disposed');
    return Promise.resolve();
  }
}

@Injectable()
class Pool {
  onModuleDestroy(): void {
    log.push('pool destroyed');
  }

  onApplicationShutdown(): void {
    log.push('pool shut down');
  }
}

@Module({ imports: [BackgroundTasksModule.forRoot()], providers: [Pool, Session] })
class ConsumerModule {}
