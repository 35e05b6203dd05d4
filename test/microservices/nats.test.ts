import { Controller } from '@nestjs/common';
import { connect } from '@nats-io/transport-node';
import { MessagePattern, type NatsOptions, Payload, Transport } from '@nestjs/microservices';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type BackgroundTasks, Tasks } from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { microservice, startWithBroker } from '../support/microservices.js';
import { prepareNats } from '../support/nats.js';
import { INSTALL_TIMEOUT_MS } from '../support/requirements.js';
import type { TestServer } from '../support/test-server.js';
import { useTimeline } from '../support/timeline.js';
import { describeTransport } from '../support/transport-suite.js';
import { until } from '../support/until.js';

let nats: TestServer;

beforeAll(async () => {
  nats = await prepareNats();
  await nats.start();
}, INSTALL_TIMEOUT_MS);

afterAll(() => nats.remove());

describeTransport({
  ...microservice,
  name: 'NATS',
  knowsPeers: false,
  start: (handlers, settings) => startWithBroker([handlers], settings, overNats()),
});

const timeline = useTimeline();

it('B18 a shutdown unsubscribes from NATS first, and answers the messages that have come', async () => {
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
  const running = await startWithBroker([Handlers], {}, overNats());
  const observer = await connect({ servers: nats.url });
  onTestFinished(() => observer.close());
  const sent = running.send('handle', 'x');
  await begun.promise;

  const closed = running.app.close();
  await until('nobody takes messages', () =>
    observer.request('handle', '{}', { timeout: 100 }).then(
      () => false,
      (error: unknown) => (error as Error).name === 'RequestError',
    ),
  );
  gate.resolve();

  expect(await sent).toEqual(['x']);
  await closed;
  expect(timeline.events).toContain('task of x');
});

function overNats(): NatsOptions {
  return { transport: Transport.NATS, options: { servers: [nats.url] } };
}
