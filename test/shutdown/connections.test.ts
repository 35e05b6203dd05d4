import { Controller, Get, Injectable, MessageEvent, Post, Sse } from '@nestjs/common';
import { once } from 'node:events';
import { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, Tasks } from '../../src/index.js';
import { drainBegun, idleConnection, keepAliveRequest, openConnection, received } from '../support/connections.js';
import { deferred } from '../support/deferred.js';
import { platforms, startApp } from '../support/platforms.js';

/** Far longer than a test may take: what resolves has not waited for it. */
const NEVER_REACHED_MS = 60_000;
const SHUTDOWN_TIMEOUT_MS = 600;

describe.each(platforms)('B18 connections at shutdown on $name', (platform) => {
  it('does not wait for keep-alive connections, those that become idle while it drains included', async () => {
    const server = new Fixture();
    const { app, port } = await startApp(platform, server.settings(NEVER_REACHED_MS));
    const idle = await idleConnection(port);
    const busy = await openConnection(port, keepAliveRequest('/held'));
    const answered = received(busy, '200');
    await server.entered.promise;

    const closed = app.close();
    await drainBegun(idle);
    expect(server.shutDownAt).toBe(0);
    server.proceed.resolve();
    await answered;
    const answeredAt = performance.now();
    await closed;

    expect(server.shutDownAt - answeredAt).toBeLessThan(1_000);
  });

  it('does not wait for a connection that never spoke', async () => {
    const server = new Fixture();
    const { app, port } = await startApp(platform, server.settings(NEVER_REACHED_MS));
    const silent = await openConnection(port);
    const idle = await idleConnection(port);
    silent.resume();
    const gone = once(silent, 'close');

    await Promise.all([app.close(), drainBegun(idle), gone]);

    expect(server.shutDownAt).toBeGreaterThan(0);
  });

  it('does not wait for ever for a client that always has the next request under way', async () => {
    const server = new Fixture();
    const { app, port } = await startApp(platform, server.settings(NEVER_REACHED_MS));
    const pipelining = await openConnection(port, keepAliveRequest('/quick'));
    let answers = 0;
    pipelining.on('data', (chunk: Buffer) => {
      answers += chunk.toString().split('HTTP/1.1 200').length - 1;
      // Two requests for each answer: the connection is never idle.
      pipelining.write(keepAliveRequest('/quick').repeat(2));
    });
    const gone = once(pipelining, 'close');
    await server.quickly.promise;

    await app.close();
    await gone;

    expect(answers).toBeGreaterThan(0);
  });

  it('closes half a request and an endless SSE stream at the deadline, not before', async () => {
    const server = new Fixture();
    const { app, port } = await startApp(platform, server.settings(SHUTDOWN_TIMEOUT_MS));
    const host = app.get(BackgroundTasksHost);
    const half = await openConnection(port, 'POST /held HTTP/1.1\r\nHost: test\r\n');
    const stream = await openConnection(port, keepAliveRequest('/endless'));
    await received(stream, 'first');
    half.resume();
    const gone = Promise.all([once(half, 'close'), once(stream, 'close')]);

    const begun = performance.now();
    await app.close();
    const tookMs = performance.now() - begun;
    await gone;

    expect(tookMs).toBeGreaterThanOrEqual(SHUTDOWN_TIMEOUT_MS - 5);
    expect(tookMs).toBeLessThan(SHUTDOWN_TIMEOUT_MS + 500);
    await host.onIdle();
    expect(host.stats()).toMatchObject({ accepted: 1, abandoned: 1, waiting: 0, running: 0 });
  });

  it('does not accept a connection once it drains', async () => {
    const server = new Fixture();
    const { app, port } = await startApp(platform, server.settings(NEVER_REACHED_MS));
    const idle = await idleConnection(port);
    const busy = await openConnection(port, keepAliveRequest('/held'));
    await server.entered.promise;

    const closed = app.close();
    await drainBegun(idle);
    await expect(openConnection(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const answer = received(busy, '200');
    server.proceed.resolve();
    await answer;
    await closed;
  });
});

/** What the routes and the test tell each other. */
class Fixture {
  readonly entered = deferred();
  readonly proceed = deferred();
  readonly quickly = deferred();
  shutDownAt = 0;

  settings(shutdownTimeoutMs: number) {
    const { entered, proceed, quickly } = this;
    const shutDown = () => (this.shutDownAt = performance.now());

    @Controller()
    class Routes {
      @Get('held')
      async held(@Tasks() tasks: BackgroundTasks): Promise<string> {
        tasks.addTask(() => undefined);
        entered.resolve();
        await proceed.promise;
        return 'held';
      }

      @Post('held')
      post(): void {}

      @Get('quick')
      quick(): string {
        quickly.resolve();
        return 'quick';
      }

      @Sse('endless')
      endless(@Tasks() tasks: BackgroundTasks): Observable<MessageEvent> {
        tasks.addTask(() => undefined);
        return new Observable((subscriber) => subscriber.next({ data: 'first' }));
      }
    }

    @Injectable()
    class ShutDown {
      onApplicationShutdown(): void {
        shutDown();
      }
    }
    return { controllers: [Routes], providers: [ShutDown], options: { shutdownTimeoutMs } };
  }
}
