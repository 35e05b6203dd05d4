import { Controller } from '@nestjs/common';
import {
  ClientProxyFactory,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  type RedisOptions,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { lastValueFrom, throwError, toArray } from 'rxjs';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { BackgroundTasksModule } from '../../src/index.js';
import { MicroservicesBackgroundTasksModule } from '../../src/microservices/index.js';
import { RecordedLogs } from '../support/recorded-logs.js';
import { prepareRedis } from '../support/redis.js';
import type { TestServer } from '../support/test-server.js';
import { describeTransport } from '../support/transport-suite.js';

let redis: TestServer;

beforeAll(async () => {
  redis = await prepareRedis();
  await redis.start();
});

afterAll(() => redis.stop());

describeTransport({
  name: 'Redis',
  hasScopeOfMessage: true,
  answersSeveralTimes: true,
  filtersComeLast: true,
  knowsPeers: false,
  handlers: () => Controller(),
  message: (name) => MessagePattern(name),
  data: (...pipes) => Payload(...(pipes as [])),
  answer: ({ message }) => throwError(() => new RpcException(message).getError()),
  async start(handlers, metadata) {
    const module = await Test.createTestingModule({
      ...metadata,
      imports: [BackgroundTasksModule.forRoot(), MicroservicesBackgroundTasksModule],
      controllers: [handlers],
    }).compile();
    const logs = new RecordedLogs();
    const app = module.createNestMicroservice<MicroserviceOptions>({ ...overRedis(), logger: logs });
    await app.listen();
    // A test may have closed it, and Nest does not close the connections to Redis twice.
    onTestFinished(() => app.close().catch(() => undefined));
    const client = ClientProxyFactory.create(overRedis());
    await client.connect();
    onTestFinished(() => void client.close());
    return {
      app,
      logs,
      send: (name, data) => lastValueFrom(client.send<unknown>(name, data).pipe(toArray())),
      async drop(name, data, begun) {
        const subscription = client.send(name, data).subscribe();
        await begun;
        subscription.unsubscribe();
      },
    };
  },
});

function overRedis(): RedisOptions {
  const { hostname: host, port } = new URL(redis.url);
  return { transport: Transport.REDIS, options: { host, port: Number(port) } };
}
