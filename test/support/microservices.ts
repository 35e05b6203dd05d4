import { Controller } from '@nestjs/common';
import {
  type ClientProxy,
  ClientProxyFactory,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  RpcException,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { lastValueFrom, throwError, toArray } from 'rxjs';
import { onTestFinished } from 'vitest';
import { BackgroundTasksModule } from '../../src/index.js';
import { MicroservicesBackgroundTasksModule } from '../../src/microservices/index.js';
import { RecordedLogs } from './recorded-logs.js';
import type { Running, Transport, TransportSettings } from './transport-suite.js';

/** The half of a transport that is the same for all microservices. */
export const microservice: Omit<Transport, 'name' | 'knowsPeers' | 'start'> = {
  observedAs: { kind: 'rpc', description: 'message "handle"' },
  hasScopeOfMessage: true,
  answersSeveralTimes: true,
  filtersComeLast: true,
  handlers: () => Controller(),
  message: (name) => MessagePattern(name),
  data: (...pipes) => Payload(...(pipes as [])),
  answer: ({ message }) => throwError(() => new RpcException(message).getError()),
  tenantOf: (origin) => (origin as { readonly data: string }).data,
  tenants: ['a', 'b'],
};

/** Starts an application with these handlers, which is closed with the test. */
export async function startMicroservice(
  handlers: NonNullable<TransportSettings['controllers']>,
  { override, imports = [], ...metadata }: TransportSettings,
  options: MicroserviceOptions,
) {
  const builder = Test.createTestingModule({
    ...metadata,
    imports: [BackgroundTasksModule.forRoot(), MicroservicesBackgroundTasksModule, ...imports],
    controllers: handlers,
  });
  const module = await (override?.(builder) ?? builder).compile();
  const logs = new RecordedLogs();
  const app = module.createNestMicroservice<MicroserviceOptions>({ ...options, logger: logs });
  await app.listen();
  // A test may have closed it, and Nest does not close the connections to a broker twice.
  onTestFinished(() => app.close().catch(() => undefined));
  return { app, logs };
}

export interface Client extends Pick<Running, 'send'> {
  readonly proxy: ClientProxy;
  emit(name: string, data: unknown): void;
}

/** A client of a microservice, which is closed with the test. */
export function clientOf(options: MicroserviceOptions): Client {
  const proxy = ClientProxyFactory.create(options as never) as unknown as ClientProxy;
  // A command without its answer would reject when the test stops the broker.
  onTestFinished(async () => void (await proxy.close()));
  return {
    proxy,
    send: (name, data) => lastValueFrom(proxy.send<unknown>(name, data).pipe(toArray())),
    emit: (name, data) => void proxy.emit(name, data).subscribe(),
  };
}

/** Starts an application that takes its messages from a broker, and a client. */
export async function startWithBroker(
  handlers: NonNullable<TransportSettings['controllers']>,
  settings: TransportSettings,
  options: MicroserviceOptions,
): Promise<Running & Client> {
  const { app, logs } = await startMicroservice(handlers, settings, options);
  const client = clientOf(options);
  await client.proxy.connect();
  return {
    app,
    logs,
    ...client,
    async drop(name, data, begun) {
      const subscription = client.proxy.send(name, data).subscribe();
      await begun;
      subscription.unsubscribe();
    },
  };
}

/** A message as it goes over TCP; without an id it is an event. */
export function packetOf(message: { readonly pattern: string; readonly data: unknown; readonly id?: string }): string {
  const packet = JSON.stringify(message);
  return `${packet.length}#${packet}`;
}
