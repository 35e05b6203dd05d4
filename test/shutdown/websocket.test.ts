import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { BackgroundTasksHost } from '../../src/index.js';
import { drainBegun, idleConnection, openConnection, received } from '../support/connections.js';
import { platforms, startApp } from '../support/platforms.js';

describe.each(platforms)('B18 an upgraded connection on $name', (platform) => {
  it('does not hold the drain, which leaves it open to whoever upgraded it', async () => {
    const { app, port } = await startApp(platform, { providers: [Gateway] });
    const client = new WebSocket(`ws://127.0.0.1:${port}`);
    await once(client, 'open');

    await app.get(BackgroundTasksHost).drain();

    expect(client.readyState).toBe(WebSocket.OPEN);
    client.send('still there');
    const [echo] = (await once(client, 'message')) as [Buffer];
    expect(echo.toString()).toBe('still there');

    const gone = once(client, 'close');
    await app.close();
    await gone;
  });

  it('does not hold the drain when its upgrade was under way as that began', async () => {
    const { app, port } = await startApp(platform, { providers: [Gateway] });
    const host = app.get(BackgroundTasksHost);
    const [firstHalf, secondHalf] = upgradeRequest;
    const client = await openConnection(port, firstHalf);
    const idle = await idleConnection(port);

    const drained = host.drain();
    await drainBegun(idle);
    const switched = received(client, '101');
    client.write(secondHalf);
    await switched;
    await drained;

    expect(client.destroyed).toBe(false);
    const gone = once(client, 'close');
    client.resume();
    await app.close();
    await gone;
  });
});

const upgradeRequest = [
  'GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n',
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
] as const;

@Injectable()
class Gateway implements OnModuleDestroy {
  #server: WebSocketServer | undefined;

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  onApplicationBootstrap(): void {
    const server = this.adapterHost.httpAdapter.getHttpServer() as Server;
    this.#server = new WebSocketServer({ server });
    this.#server.on('connection', (socket: WebSocket) =>
      socket.on('message', (message: Buffer) => socket.send(message)),
    );
  }

  onModuleDestroy(): void {
    for (const client of this.#server!.clients) client.terminate();
    this.#server!.close();
  }
}
