import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, type RedisOptions, Transport } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type BackgroundTasks, Tasks } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { microservice, startWithBroker } from '../support/microservices.js';
import { prepareRedis } from '../support/redis.js';
import type { TestServer } from '../support/test-server.js';
import { useTimeline } from '../support/timeline.js';
import { describeTransport } from '../support/transport-suite.js';
import { until } from '../support/until.js';

let redis: TestServer;

beforeAll(async () => {
  redis = await prepareRedis();
  await redis.start();
});

afterAll(() => redis.stop());

describeTransport({
  ...microservice,
  name: 'Redis',
  knowsPeers: false,
  start: (handlers, settings) => startWithBroker([handlers], settings, overRedis()),
});

const timeline = useTimeline();

it.each([{ wildcards: false }, { wildcards: true }])(
  'B18 a shutdown unsubscribes from Redis first, and answers the messages that have come: %o',
  async ({ wildcards }) => {
    const begun = deferred();
    const gate = deferred();
    @Controller()
    class Handlers {
      @MessagePattern('handle')
      async handle(@Payload() data: string, @Tasks() tasks: BackgroundTasks) {
        tasks.addTask(timeline.note, `task of ${data}`);
        begun.resolve();
        await gate.promise;
        return data;
      }
    }
    const running = await startWithBroker([Handlers], {}, overRedis({ wildcards }));
    const observer = new Redis(redis.url);
    onTestFinished(() => observer.disconnect());
    const sent = running.send('handle', 'x');
    await begun.promise;

    const closed = running.app.close();
    // Nothing is published to find out: what was published before the server has unsubscribed would be handled.
    await until('nobody takes messages', async () => {
      const [, channels] = (await observer.pubsub('NUMSUB', 'handle')) as [string, number];
      return channels + ((await observer.pubsub('NUMPAT')) as unknown as number) === 0;
    });
    gate.resolve();

    expect(await sent).toEqual(['x']);
    await closed;
    expect(timeline.events).toEqual(['task of x']);
  },
);

function overRedis(options: RedisOptions['options'] = {}): RedisOptions {
  const { hostname: host, port } = new URL(redis.url);
  return { transport: Transport.REDIS, options: { host, port: Number(port), ...options } };
}
