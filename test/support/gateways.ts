import { type ArgumentsHost, Catch, type INestApplication, type Type, UseFilters } from '@nestjs/common';
import { EXCEPTION_FILTERS_METADATA } from '@nestjs/common/internal';
import type { WebSocketAdapter } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { WebSocketGateway } from '@nestjs/websockets';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { BackgroundTasksModule } from '../../src/index.js';
import { WebSocketsBackgroundTasksModule } from '../../src/websockets/index.js';
import { RecordedLogs } from './recorded-logs.js';
import type { TransportSettings } from './transport-suite.js';

/** Answers an error to the client of a gateway. */
export type AnswerError = (error: Error, host: ArgumentsHost) => unknown;

/** Makes a class a gateway, which answers each error unless the class has a filter. */
export function gateway(answer: AnswerError): ClassDecorator {
  @Catch()
  class Answering {
    catch(error: Error, host: ArgumentsHost) {
      answer(error, host);
    }
  }
  return (target) => {
    WebSocketGateway()(target);
    if (!Reflect.hasMetadata(EXCEPTION_FILTERS_METADATA, target)) UseFilters(new Answering())(target);
  };
}

/** Starts an application with a gateway on a free port. */
export async function startGateway(
  handlers: Type,
  { override, imports = [], providers = [], ...metadata }: TransportSettings,
  adapter: (app: INestApplication) => WebSocketAdapter,
) {
  const builder = Test.createTestingModule({
    ...metadata,
    imports: [BackgroundTasksModule.forRoot(), WebSocketsBackgroundTasksModule, ...imports],
    providers: [handlers, ...providers],
  });
  const module = await (override?.(builder) ?? builder).compile();
  const logs = new RecordedLogs();
  const app = module.createNestApplication({ logger: logs });
  app.useWebSocketAdapter(adapter(app));
  await app.listen(0, '127.0.0.1');
  onTestFinished(() => app.close());
  const server = app.getHttpServer() as Server;
  return { app, logs, server, port: (server.address() as AddressInfo).port };
}

/** Does something that makes a client leave, and waits until the server has noticed. */
export async function noticed(connection: Socket, leave: () => void): Promise<void> {
  const closed = once(connection, 'close');
  leave();
  await closed;
}
