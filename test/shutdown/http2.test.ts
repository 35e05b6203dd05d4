import { Controller, Get, type INestApplication } from '@nestjs/common';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, Tasks } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { http2, startApp } from '../support/platforms.js';

describe('B18 HTTP/2 on Fastify', () => {
  it('finishes the stream in flight and its tasks, and closes sessions that are idle', async () => {
    const { app, session, routes } = await start();
    const host = app.get(BackgroundTasksHost);
    const idle = await openSession(session.socket.remotePort!);
    const stream = session.request({ ':path': '/held' });
    const answered = once(stream, 'response') as Promise<[Record<string, unknown>]>;
    await routes.entered.promise;
    const idleGone = once(idle, 'close');

    const closed = app.close();
    await idleGone;
    expect(host.stats()).toMatchObject({ accepted: 1, waiting: 1 });
    routes.proceed.resolve();
    const [headers] = await answered;
    stream.resume();
    await closed;

    expect(headers[':status']).toBe(200);
    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1 });
  });

  it('ends a stream that never ends at the deadline', async () => {
    const { app, session, routes } = await start(500);
    const host = app.get(BackgroundTasksHost);
    const stream = session.request({ ':path': '/held' });
    stream.on('error', () => undefined);
    const gone = once(session, 'close');
    await routes.entered.promise;

    const begun = performance.now();
    await app.close();
    await gone;

    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(host.stats()).toMatchObject({ accepted: 1, abandoned: 1 });
  });
});

async function start(
  shutdownTimeoutMs = 60_000,
): Promise<{ app: INestApplication; session: ClientHttp2Session; routes: Held }> {
  const routes = new Held();

  @Controller()
  class Routes {
    @Get('held')
    async held(@Tasks() tasks: BackgroundTasks): Promise<string> {
      tasks.addTask(() => undefined);
      routes.entered.resolve();
      await routes.proceed.promise;
      return 'held';
    }
  }
  const { app, port } = await startApp(http2, { options: { shutdownTimeoutMs }, controllers: [Routes] });
  return { app, routes, session: await openSession(port) };
}

async function openSession(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  await once(session, 'connect');
  return session;
}

class Held {
  readonly entered = deferred();
  readonly proceed = deferred();
}
