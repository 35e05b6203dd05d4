import { Controller, Get } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, BackgroundTasksModule, Tasks } from '../../src/index.js';
import { certificate } from '../support/certificate.js';
import { drainBegun, keepAliveRequest, openConnection, portOf, received } from '../support/connections.js';
import { deferred } from '../support/deferred.js';

const tlsPlatforms: readonly { readonly name: string; readonly adapter: () => AbstractHttpAdapter }[] = [
  { name: 'Express', adapter: () => new ExpressAdapter() },
  { name: 'Fastify', adapter: () => new FastifyAdapter({ https: certificate }) },
];

describe.each(tlsPlatforms)('B18 TLS on $name', ({ adapter }) => {
  it('finishes the request in flight, and waits neither for an idle connection nor for one that never shook hands', async () => {
    const { app, port, held } = await start(adapter());
    const host = app.get(BackgroundTasksHost);
    const silent = await openConnection(port);
    silent.resume();
    const idle = await openTls(port, keepAliveRequest('/nowhere'));
    await received(idle, '404');
    const busy = await openTls(port, keepAliveRequest('/held'));
    const answered = received(busy, '200');
    await held.entered.promise;
    const silentGone = once(silent, 'close');

    const closed = app.close();
    await drainBegun(idle);
    expect(host.stats()).toMatchObject({ accepted: 1, waiting: 1 });
    held.proceed.resolve();
    await Promise.all([answered, closed, silentGone]);

    expect(host.stats()).toMatchObject({ accepted: 1, succeeded: 1 });
  });
});

async function start(adapter: AbstractHttpAdapter) {
  const held = { entered: deferred(), proceed: deferred() };

  @Controller()
  class Routes {
    @Get('held')
    async held(@Tasks() tasks: BackgroundTasks): Promise<string> {
      tasks.addTask(() => undefined);
      held.entered.resolve();
      await held.proceed.promise;
      return 'held';
    }
  }
  const module = await Test.createTestingModule({
    imports: [BackgroundTasksModule.forRoot()],
    controllers: [Routes],
  }).compile();
  const app = module.createNestApplication(adapter, { logger: false, httpsOptions: certificate });
  await app.listen(0, '127.0.0.1');
  onTestFinished(() => app.close());
  return { app, held, port: portOf(app) };
}

async function openTls(port: number, sent: string): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  socket.write(sent);
  return socket;
}
