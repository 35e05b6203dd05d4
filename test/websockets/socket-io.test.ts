import { type NestInterceptor, UseInterceptors } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { once } from 'node:events';
import type { Socket as Connection } from 'node:net';
import { map } from 'rxjs';
import type { Socket } from 'socket.io';
import { io } from 'socket.io-client';
import { type AnswerError, gateway, noticed, startGateway } from '../support/gateways.js';
import { describeTransport, type Transport } from '../support/transport-suite.js';

const answer: AnswerError = ({ message }, host) => host.switchToWs().getClient<Socket>().emit('exception', message);

/** An acknowledgement is sent once, so that several answers are sent as events. */
const asEvents: NestInterceptor = {
  intercept: (_context, next) => next.handle().pipe(map((data: unknown) => ({ event: 'answer', data }))),
};

const socketIo: Transport = {
  name: 'socket.io',
  observedAs: { kind: 'ws', description: 'message "handle"' },
  hasScopeOfMessage: false,
  answersSeveralTimes: true,
  filtersComeLast: true,
  knowsPeers: true,
  handlers: () => (target) => {
    gateway(answer)(target);
    UseInterceptors(asEvents)(target);
  },
  message: (name) => SubscribeMessage(name),
  data: (...pipes) => MessageBody(...(pipes as [])),
  answer,
  // A socket belongs to its user, whatever its messages say.
  tenantOf: () => 'of the socket',
  tenants: ['of the socket'],
  async start(handlers, settings) {
    const { app, logs, server, port } = await startGateway(handlers, settings, (host) => new IoAdapter(host));
    const connect = () =>
      io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true, reconnection: false });
    return {
      app,
      logs,
      async send(event, data, answers = 1) {
        const client = connect();
        try {
          return await new Promise<unknown[]>((resolve, reject) => {
            const received: unknown[] = [];
            client.on('connect_error', reject);
            client.on('exception', (message: string) => reject(new Error(message)));
            client.on('answer', (value: unknown) => {
              if (received.push(value) === answers) resolve(received);
            });
            client.emit(event, data);
          });
        } finally {
          client.close();
        }
      },
      async drop(event, data, begun) {
        const connected = once(server, 'connection') as Promise<[Connection]>;
        const client = connect();
        client.emit(event, data);
        await begun;
        await noticed((await connected)[0], () => client.close());
      },
    };
  },
};

describeTransport(socketIo);
