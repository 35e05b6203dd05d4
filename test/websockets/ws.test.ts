import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { type AnswerError, gateway, noticed, startGateway } from '../support/gateways.js';
import { describeTransport, type Transport } from '../support/transport-suite.js';

const answer: AnswerError = ({ message }, host) =>
  host
    .switchToWs()
    .getClient<WebSocket>()
    .send(JSON.stringify({ exception: message }));

const ws: Transport = {
  name: 'ws',
  hasScopeOfMessage: false,
  knowsPeers: true,
  handlers: () => gateway(answer),
  message: (name) => SubscribeMessage(name),
  data: (...pipes) => MessageBody(...(pipes as [])),
  answer,
  async start(handlers, metadata) {
    const { app, logs, server, port } = await startGateway(handlers, metadata, (host) => new WsAdapter(host));
    const url = `ws://127.0.0.1:${port}`;
    return {
      app,
      logs,
      send: (event, data, answers = 1) => send(url, JSON.stringify({ event, data }), answers),
      async drop(event, data, begun) {
        const connected = once(server, 'connection') as Promise<[Socket]>;
        const client = new WebSocket(url);
        await once(client, 'open');
        client.send(JSON.stringify({ event, data }));
        await begun;
        await noticed((await connected)[0], () => client.terminate());
      },
    };
  },
};

describeTransport(ws);

async function send(url: string, message: string, answers: number): Promise<unknown[]> {
  const client = new WebSocket(url);
  try {
    return await new Promise((resolve, reject) => {
      const received: unknown[] = [];
      client.on('open', () => client.send(message));
      client.on('error', reject);
      client.on('message', (text: Buffer) => {
        const value = JSON.parse(text.toString()) as { exception?: string };
        if (value.exception !== undefined) reject(new Error(value.exception));
        else if (received.push(value) === answers) resolve(received);
      });
    });
  } finally {
    client.terminate();
  }
}
