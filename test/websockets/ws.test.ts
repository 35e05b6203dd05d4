import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocket, type WebSocketServer } from 'ws';
import { BackgroundTasksModule } from '../../src/index.js';
import { WebSocketsBackgroundTasksModule } from '../../src/websockets/index.js';
import { RecordedLogs } from '../support/recorded-logs.js';
import { describeTransport, type Running, type Transport } from "../support/transport-suite.js";

const ws: Transport = {
  name: 'ws',
  hasScopeOfMessage: false,
  knowsPeers: true,
  handlers: () => WebSocketGateway(),
  message: (name) => SubscribeMessage(name),
  data: (...pipes) => MessageBody(...(pipes as [])),
  answer: ({ message }, host) =>
    host.switchToWs().getClient<WebSocket>().send(JSON.stringify({ event: 'exception', data: message })),
  async start(handlers, metadata) {
    const module = await Test.createTestingModule({
      ...metadata,
      imports: [BackgroundTasksModule.forRoot(), WebSocketsBackgroundTasksModule],
      providers: [handlers, ...(metadata.providers ?? [])],
    }).compile();
    const logs = new RecordedLogs();
    const app = module.createNestApplication({ logger: logs });
    app.useWebSocketAdapter(new WsAdapter(app));
    await app.listen(0, '127.0.0.1');
    onTestFinished(() => app.close());
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    return { app, logs, ...clientOf(port) };
  },
};

describeTransport(ws);
