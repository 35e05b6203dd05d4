import type { INestApplication } from '@nestjs/common';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface SecondServer {
  readonly server: Server;
  readonly port: number;
  readonly url: string;
}

/** Starts another server for an application that has one, or that runs on a platform which brings its own. */
export async function startSecondServer(app: INestApplication, listener?: RequestListener): Promise<SecondServer> {
  const server = createServer(listener ?? (await listenerOf(app))).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, port, url: `http://127.0.0.1:${port}` };
}

/** Express is a listener itself, and Fastify has one, which works once it is ready. */
async function listenerOf(app: INestApplication): Promise<RequestListener> {
  const instance = app.getHttpAdapter().getInstance() as RequestListener | Fastify;
  if (typeof instance === 'function') return instance;
  await instance.ready();
  return instance.routing;
}

interface Fastify {
  readonly routing: RequestListener;
  ready(): PromiseLike<unknown>;
}
