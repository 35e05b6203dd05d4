import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, type OnGatewayConnection, type OnGatewayDisconnect, SubscribeMessage } from '@nestjs/websockets';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { BackgroundTasksRef, currentTask } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { type AnswerError, gateway, noticed, startGateway } from '../support/gateways.js';
import { Timeline } from '../support/timeline.js';
import { describeTransport, type Transport } from '../support/transport-suite.js';

const answer: AnswerError = ({ message }, host) =>
  host
    .switchToWs()
    .getClient<WebSocket>()
    .send(JSON.stringify({ exception: message }));

const ws: Transport = {
  name: 'ws',
  observedAs: { kind: 'ws', description: 'message "handle"' },
  hasScopeOfMessage: false,
  answersSeveralTimes: true,
  filtersComeLast: true,
  knowsPeers: true,
  handlers: () => gateway(answer),
  message: (name) => SubscribeMessage(name),
  data: (...pipes) => MessageBody(...(pipes as [])),
  answer,
  // A socket belongs to its user, whatever its messages say.
  tenantOf: () => 'of the socket',
  tenants: ['of the socket'],
  async start(handlers, settings) {
    const { app, logs, server, port } = await startGateway(handlers, settings, (host) => new WsAdapter(host));
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

it('B11 a connection and a disconnection over ws have tasks of their own, and are not aborted', async () => {
  const timeline = new Timeline();
  @gateway(answer)
  class Gateway implements OnGatewayConnection, OnGatewayDisconnect {
    constructor(private readonly ref: BackgroundTasksRef) {}

    handleConnection() {
      this.ref.current.addTask(() => timeline.note(`connection ${currentTask().outcome.aborted}`));
    }

    handleDisconnect() {
      this.ref.current.addTask(() => timeline.note(`disconnection ${currentTask().outcome.aborted}`));
    }
  }
  const { app, port } = await startGateway(Gateway, {}, (host) => new WsAdapter(host));

  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(client, 'open');
  await timeline.until('connection false');
  client.terminate();
  await timeline.until('disconnection false');
  await settled(app);

  expect(timeline.events).toEqual(['connection false', 'disconnection false']);
});

it('B18 a message over ws that comes while a shutdown waits for another is handled', async () => {
  const timeline = new Timeline();
  const gate = deferred();
  @gateway(answer)
  class Gateway {
    constructor(private readonly ref: BackgroundTasksRef) {}

    @SubscribeMessage('handle')
    async handle(@MessageBody() data: string) {
      this.ref.current.addTask(timeline.note, `task of ${data}`);
      timeline.note(`began ${data}`);
      if (data === 'first') await gate.promise;
      return { event: 'answer', data };
    }
  }
  const { app, port } = await startGateway(Gateway, {}, (host) => new WsAdapter(host));
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(client, 'open');
  const answers: string[] = [];
  client.on('message', (text: Buffer) => answers.push(text.toString()));
  client.send(JSON.stringify({ event: 'handle', data: 'first' }));
  await timeline.until('began first');

  const closed = app.close();
  client.send(JSON.stringify({ event: 'handle', data: 'second' }));
  await timeline.until('task of second');
  gate.resolve();
  await once(client, 'close');
  await closed;

  expect(answers.map((text) => (JSON.parse(text) as { data: string }).data)).toEqual(['second', 'first']);
  expect(timeline.count('task of first')).toBe(1);
});

describe('B18 a shutdown and messages over ws whose handlers use nothing of this package', () => {
  it('has each answered', async () => {
    const timeline = new Timeline();
    const gate = deferred();
    @gateway(answer)
    class Gateway {
      @SubscribeMessage('handle')
      async handle(@MessageBody() data: string) {
        timeline.note('began');
        await gate.promise;
        return { event: 'answer', data };
      }
    }
    const { app, port } = await startGateway(Gateway, {}, (host) => new WsAdapter(host));
    const sent = send(`ws://127.0.0.1:${port}`, JSON.stringify({ event: 'handle', data: 'x' }), 1);
    await timeline.until('began');

    const closed = app.close();
    gate.resolve();

    expect(await sent).toEqual([{ event: 'answer', data: 'x' }]);
    await closed;
  });

  it('does not wait for the answers to a client that has left', async () => {
    const timeline = new Timeline();
    const gate = deferred();
    @gateway(answer)
    class Gateway {
      @SubscribeMessage('handle')
      async handle() {
        timeline.note('began');
        await gate.promise;
        return NEVER;
      }
    }
    const { app, server, port } = await startGateway(Gateway, {}, (host) => new WsAdapter(host));
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const client = new WebSocket(`ws://127.0.0.1:${port}`);
    await once(client, 'open');
    client.send(JSON.stringify({ event: 'handle' }));
    await timeline.until('began');
    await noticed((await connected)[0], () => client.terminate());

    gate.resolve();
    await app.close();

    expect(timeline.events).toEqual(['began']);
  });
});

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
