import { Inject, Injectable, type MiddlewareConsumer, Module, type NestModule, Scope } from '@nestjs/common';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as requestTo, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, currentTask } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { lookups, startWithEveryWay } from '../support/every-way.js';
import { fetchText } from '../support/fetch-text.js';
import { type Platform, platforms } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';
import { Timeline } from '../support/timeline.js';

type Proxy = (request: IncomingMessage, response: ServerResponse) => unknown;

const proxies = [
  {
    proxy: 'http-proxy-middleware',
    proxyTo: (target: string): Proxy => createProxyMiddleware({ target }) as Proxy,
  },
  {
    proxy: 'a pipe of node:http',
    proxyTo:
      (target: string): Proxy =>
      (request, response) => {
        const upstream = requestTo(target + request.url, (answer) => {
          response.writeHead(answer.statusCode!);
          answer.pipe(response);
          answer.on('error', () => response.destroy());
        });
        upstream.on('error', () => response.headersSent || response.writeHead(504).end());
        response.on('close', () => upstream.destroy());
        request.pipe(upstream);
      },
  },
];

describe.each(platforms)('B8 a middleware of $name that is', (platform) => {
  describe.each(proxies)('$proxy', ({ proxyTo }) => {
    describe.each(lookups)('$lookup', ({ usesRef }) => {
      it('runs the tasks of its request once, when the answer of its upstream has been sent', async () => {
        const { app, url, timeline, logs } = await start((_request, response) => void response.end('from upstream'));

        const response = await fetchText(`${url}/proxied/7`);
        await settled(app);

        expect(response).toEqual({ status: 200, body: 'from upstream' });
        expect(timeline.events).toEqual([
          'Session opened',
          'sent',
          'task, 200',
          'Session committed',
          'Session released',
        ]);
        expect(logs.warnings).toEqual(['Discarded "alarm": a request without a route succeeded. BackgroundTasks']);
      });

      it('runs them once where its upstream leaves before it has answered', async () => {
        const { app, url, timeline } = await start((request) => void request.socket.destroy());

        const { status } = await fetchText(`${url}/proxied/7`);
        await settled(app);

        expect(status).toBe(504);
        expect(timeline.events).toEqual([
          'Session opened',
          'sent',
          'task, 504',
          'Session committed',
          'Session released',
        ]);
      });

      it('runs them once where its upstream leaves in the middle of the answer, and then its client', async () => {
        const halfSent = deferred();
        const { app, port, timeline } = await start((request, response) => {
          response.writeHead(200, { 'content-length': '100' });
          response.write('half');
          void halfSent.promise.then(() => request.socket.destroy());
        });
        const client = await RawClient.connect(port);

        client.request('GET /proxied/7');
        await client.receive('half');
        halfSent.resolve();
        client.destroy();
        await timeline.until('Session released');
        await settled(app);

        expect(timeline.count('task, aborted')).toBe(1);
        expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 2, succeeded: 1, discarded: 1 });
      });

      it('runs them once where its client leaves before the upstream has answered', async () => {
        const held = deferred();
        const { app, port, timeline } = await start(() => held.resolve());
        const client = await RawClient.connect(port);

        client.request('GET /proxied/7');
        await held.promise;
        client.destroy();
        await timeline.until('Session released');
        await settled(app);

        expect(timeline.count('task, aborted')).toBe(1);
        expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 2, succeeded: 1, discarded: 1 });
      });

      async function start(upstream: Proxy) {
        return startProxy(platform, usesRef, proxyTo(await listen(upstream)));
      }
    });
  });
});

function startProxy(platform: Platform, usesRef: boolean, proxy: Proxy) {
  @Module({})
  class ProxyModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer.apply(Taking, proxy).forRoutes('proxied/{*rest}');
    }
  }
  // A client that has left is given up after this time: nobody can know whether a route is still to come.
  return startWithEveryWay(platform, { usesRef, imports: [ProxyModule], options: { stalledClientTimeoutMs: 50 } });
}

@Injectable({ scope: Scope.REQUEST })
class Taking {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly timeline: Timeline,
    @Inject('Session') readonly session: unknown,
  ) {}

  use(_request: unknown, _response: unknown, next: () => void): void {
    this.tasks.addTask(() => {
      const { aborted, statusCode } = currentTask().outcome;
      this.timeline.note(`task, ${aborted ? 'aborted' : statusCode}`);
    });
    this.tasks.with({ runOn: 'failure' }).addTask(function alarm() {});
    next();
  }
}

/** Starts the server behind the proxy. Returns its URL. */
async function listen(answer: Proxy): Promise<string> {
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
