import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import type { TaskStats } from '../../src/index.js';
import { type Child, startChild } from '../support/child-app.js';
import { clientOf } from '../support/microservices.js';
import { prepareNats } from '../support/nats.js';
import { prepareRedis } from '../support/redis.js';
import { report } from '../support/report.js';
import type { TestServer } from '../support/test-server.js';

const WARM_UP = 3_000;
const MESSAGES = 10_000;
const CLIENTS = 20;
/** A tenth of what the messages' resources and arguments weigh. */
const MAX_GROWTH = 1.25 * 1024 * 1024;

/** Sends one message, and resolves once it has been answered. */
type Ask = (data: number) => Promise<unknown>;

const ways: readonly { readonly name: string; start(): Promise<{ child: Child; ask: Ask }> }[] = [
  {
    name: 'TCP',
    async start() {
      const child = startMeasured('TCP');
      const port = Number(await child.said('TCP'));
      return { child, ask: asking({ transport: Transport.TCP, options: { host: '127.0.0.1', port } }) };
    },
  },
  {
    name: 'Redis',
    async start() {
      const { url } = await startServer(await prepareRedis());
      const { hostname: host, port } = new URL(url);
      const child = startMeasured('Redis', url);
      await child.said('TCP');
      return { child, ask: asking({ transport: Transport.REDIS, options: { host, port: Number(port) } }) };
    },
  },
  {
    name: 'NATS',
    async start() {
      const { url } = await startServer(await prepareNats());
      const child = startMeasured('NATS', url);
      await child.said('TCP');
      return { child, ask: asking({ transport: Transport.NATS, options: { servers: [url] } }) };
    },
  },
  {
    name: 'ws',
    async start() {
      const child = startMeasured('ws');
      const url = `ws://127.0.0.1:${await child.said('PORT')}`;
      const clients = Array.from({ length: CLIENTS }, () => new WebSocket(url));
      onTestFinished(() => clients.forEach((client) => client.terminate()));
      await Promise.all(clients.map((client) => once(client, 'open')));
      return { child, ask: (data) => answered(clients[data % CLIENTS]!, JSON.stringify({ event: 'handle', data })) };
    },
  },
  {
    name: 'socket.io',
    async start() {
      const child = startMeasured('socket.io');
      const url = `http://127.0.0.1:${await child.said('PORT')}`;
      const clients = Array.from({ length: CLIENTS }, () => io(url, { transports: ['websocket'], forceNew: true }));
      onTestFinished(() => clients.forEach((client) => client.close()));
      const ask: Ask = (data) => {
        const client = clients[data % CLIENTS]!;
        return new Promise((resolve) => {
          const done = (value: unknown) => {
            client.off('answer', done).off('failed', done);
            resolve(value);
          };
          client.on('answer', done).on('failed', done).emit('handle', data);
        });
      };
      return { child, ask };
    },
  },
];

describe('B16 memory', () => {
  it.each(ways)('is what it was before 10,000 messages over $name', { timeout: 120_000 }, async (way) => {
    const { child, ask } = await way.start();
    const port = await child.said('PORT');

    await send(WARM_UP, ask);
    const before = await measure(port);
    const begunAt = performance.now();
    await send(MESSAGES, ask);
    const tookMs = performance.now() - begunAt;
    const after = await measure(port);

    tell(`10,000 messages over ${way.name} in ${(tookMs / 1_000).toFixed(1)} s`, before, after);
    expect(after.disposed).toBe(WARM_UP + MESSAGES);
    expect(after.sampled).toBe((WARM_UP + MESSAGES) / 10);
    expect(growth(before, after)).toBeLessThan(MAX_GROWTH);
  });

  it('is what it was before 10,000 calls with @UnitOfWork()', async () => {
    const child = startMeasured('ws');
    const port = await child.said('PORT');

    await fetch(`http://127.0.0.1:${port}/call/${WARM_UP}`);
    await child.said(`CALLED ${WARM_UP}`);
    const before = await measure(port);
    await fetch(`http://127.0.0.1:${port}/call/${MESSAGES}`);
    await child.said(`CALLED ${MESSAGES}`);
    const after = await measure(port);

    tell('10,000 calls with @UnitOfWork()', before, after);
    expect(growth(before, after)).toBeLessThan(MAX_GROWTH);
  });
});

interface Measurement {
  readonly heapUsed: number;
  readonly stats: TaskStats;
  readonly sampled: number;
  readonly collected: number;
  readonly disposed: number;
}

/** The bytes by which the heap has grown, once all tasks and sampled resources are accounted for. */
function growth(before: Measurement, after: Measurement): number {
  expect(after.stats).toMatchObject({
    accepted: 2 * (WARM_UP + MESSAGES),
    succeeded: 2 * 0.99 * (WARM_UP + MESSAGES),
    discarded: 2 * 0.01 * (WARM_UP + MESSAGES),
  });
  expect(after.collected).toBe(after.sampled);
  return after.heapUsed - before.heapUsed;
}

/** Starts an application that takes its messages in this way. */
function startMeasured(transport: string, broker = ''): Child {
  const env = { TRANSPORT: transport, BROKER: broker };
  return startChild('message-memory', { nodeArgs: ['--expose-gc'], env });
}

async function startServer(server: TestServer): Promise<TestServer> {
  await server.start();
  onTestFinished(() => server.remove());
  return server;
}

function asking(options: MicroserviceOptions): Ask {
  const client = clientOf(options);
  // One in a hundred fails.
  return (data) => client.send('handle', data).catch(() => undefined);
}

async function answered(client: WebSocket, text: string): Promise<unknown> {
  const message = once(client, 'message');
  client.send(text);
  return message;
}

/** Sends that many messages, each client one at a time. */
async function send(messages: number, ask: Ask): Promise<void> {
  const peers = Array.from({ length: CLIENTS }, async (_, peer) => {
    for (let data = peer; data < messages; data += CLIENTS) await ask(data);
  });
  await Promise.all(peers);
}

async function measure(port: string): Promise<Measurement> {
  const response = await fetch(`http://127.0.0.1:${port}/measure`, { headers: { connection: 'close' } });
  return (await response.json()) as Measurement;
}

function tell(what: string, before: Measurement, after: Measurement): void {
  const { sampled, collected } = after;
  report(
    `${what}: heap ${megabytes(before.heapUsed)} MB before, ${megabytes(after.heapUsed)} MB after; ` +
      `collected ${collected} of ${sampled} sampled resources`,
  );
}

const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(2);
