import 'reflect-metadata';
import { ApolloDriver } from '@nestjs/apollo';
import { Controller, type DynamicModule, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import { MercuriusDriver } from '@nestjs/mercurius';
import { MessagePattern, type ServerTCP, Transport } from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { GraphQLBackgroundTasksModule } from 'nestjs-background-tasks/graphql';
import { MicroservicesBackgroundTasksModule } from 'nestjs-background-tasks/microservices';
import { WebSocketsBackgroundTasksModule } from 'nestjs-background-tasks/websockets';
import { WebSocket } from 'ws';
import { Connection } from './connection.js';
import type { TransportName } from './transport-names.js';

// A server process: node transport-server.js <transport> with|without. Told a number by its parent, it handles so many
// messages, one after another, and says how many microseconds of CPU time each took.

const [, , name, side] = process.argv as [string, string, TransportName, 'with' | 'without'];
const ours: (Type | DynamicModule)[] = [
  BackgroundTasksModule.forRoot(),
  GraphQLBackgroundTasksModule,
  MicroservicesBackgroundTasksModule,
  WebSocketsBackgroundTasksModule,
];

@Resolver('Query')
class Resolvers {
  @Query('hello')
  hello(): string {
    return 'hello';
  }
}

@Controller()
class Messages {
  @MessagePattern('hello')
  hello(): string {
    return 'hello';
  }
}

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('hello')
  hello(): { event: string; data: string } {
    return { event: 'hello', data: 'hello' };
  }
}

/** Each starts an application, and returns the call to measure. */
const transports: Record<TransportName, () => Promise<() => Promise<unknown>>> = {
  'GraphQL, Apollo on Express': () => graphql(new ExpressAdapter(), ApolloDriver),
  'GraphQL, Mercurius on Fastify': () => graphql(new FastifyAdapter(), MercuriusDriver),
  'a microservice over TCP': microservice,
  'a WebSocket gateway (ws)': gateway,
};

const call = await transports[name]();

async function graphql(adapter: ExpressAdapter | FastifyAdapter, driver: Type): Promise<() => Promise<void>> {
  const schema = GraphQLModule.forRoot({ driver, typeDefs: 'type Query { hello: String }' } as never);
  const app = await NestFactory.create(rootModule({ imports: [schema], providers: [Resolvers] }), adapter, {
    logger: false,
  });
  const server = (await app.listen(0, '127.0.0.1')) as Server;
  const body = JSON.stringify({ query: '{ hello }' });
  const head = `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
  const connection = new Connection(server, `${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  return () => connection.send();
}

/** The message comes as the server has it from its socket, and the answer goes where that would be written. */
async function microservice(): Promise<() => Promise<void>> {
  const app = await NestFactory.createMicroservice(rootModule({ controllers: [Messages] }), {
    transport: Transport.TCP,
    options: { port: 0 },
    logger: false,
  });
  await app.listen();
  const { serverInstance: server } = app as unknown as { readonly serverInstance: ServerTCP };
  return async () => {
    let answered!: () => void;
    const answer = new Promise<void>((resolve) => (answered = resolve));
    const socket = { sendMessage: (packet: { isDisposed?: boolean }) => packet.isDisposed && answered() };
    await server.handleMessage(socket as never, { id: '1', pattern: 'hello', data: 'x' });
    await answer;
    await turn();
  };
}

async function gateway(): Promise<() => Promise<unknown>> {
  const app = await NestFactory.create(rootModule({ providers: [Gateway] }), { logger: false });
  app.useWebSocketAdapter(new WsAdapter(app));
  const server = (await app.listen(0, '127.0.0.1')) as Server;
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await once(client, 'open');
  return async () => {
    client.send('{"event":"hello"}');
    await once(client, 'message');
  };
}

function rootModule({ imports = [], ...metadata }: ModuleMetadata): Type {
  class Root {}
  Module({ ...metadata, imports: [...imports, ...(side === 'with' ? ours : [])] })(Root);
  return Root;
}

async function ownCost(calls: number): Promise<number> {
  const before = process.cpuUsage();
  for (let count = 0; count < calls; count++) await call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

process.on('message', (calls: number) => {
  void ownCost(calls).then((microseconds) => process.send!(microseconds));
});
process.on('disconnect', () => process.exit());
process.send!('ready');
