import { BullModule, InjectQueue, Processor, WorkerHost } from '@nestjs/bullmq';
import { Injectable, Module } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { deferred } from '../support/deferred.js';
import { enqueued, RecordedRunner, startDurable, untilReady } from '../support/durable.js';
import { prepareRedis } from '../support/redis.js';
import { useServer } from '../support/servers.js';
import { until } from '../support/until.js';

describe('B32 · on Redis', () => {
  it('gives up a connection on which nobody says anything, and tries another', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const { port } = silent.address() as AddressInfo;

    const durable = await startDurable({
      server: { options: { connection: `redis://127.0.0.1:${port}` } },
      options: { acceptTimeoutMs: 100 },
    });
    await until('it has connected again, and logged why', () => sockets.length > 1 && durable.logs.errors.length > 0);

    expect(durable.backend.unavailableBecause).toBe('it did not answer in 80 ms');
    expect(durable.logs.errors).toHaveLength(1);
  });
});

describe('B41 · on Redis', () => {
  it('is watched without a line of the client for each lost connection', async () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => printed.mockRestore());
    let lost = 0;
    const resetting = createServer((socket) => {
      lost++;
      socket.resetAndDestroy();
    }).listen(0, '127.0.0.1');
    await once(resetting, 'listening');
    onTestFinished(() => void resetting.close());
    const { port } = resetting.address() as AddressInfo;
    const { backend } = await startDurable({ server: { options: { connection: `redis://127.0.0.1:${port}` } } });

    onTestFinished(backend.watchTasks(() => undefined));
    const before = lost;
    await until('both clients have tried again', () => lost > before + 6);

    expect(printed.mock.calls).toEqual([]);
  });
});

describe('B41 · on Redis', () => {
  const server = useServer(() => prepareRedis());

  it('closes the connection of those who watch with the last of them, also while the server is away', async () => {
    const durable = await startDurable({ server: server() });
    await untilReady(durable);
    const { backend } = durable;
    const admin = clientOf(server().url, 0);
    const connections = async () =>
      String(await admin.call('CLIENT', 'LIST'))
        .trim()
        .split('\n').length;
    const watch = async (times: number) => {
      for (let time = 0; time < times; time++) {
        const end = backend.watchTasks(() => undefined);
        await setImmediate();
        end();
      }
    };
    const before = await connections();

    const listening = deferred();
    const end = backend.watchTasks(() => listening.resolve());
    await listening.promise;
    end();
    await watch(10);
    await until('they are closed', async () => (await connections()) === before, 50);
    await server().stop();
    await until('it is away', () => backend.unavailableBecause !== undefined);
    await watch(10);
    await server().start();
    await untilReady(durable);

    await until('there are no more', async () => (await connections()) === before, 50);
    expect(await connections()).toBe(before);
  });
});

describe('B30 · on Redis', () => {
  const server = useServer(() => prepareRedis());

  it('is reached by the options of a client', async () => {
    const { hostname: host, port } = new URL(server().url);
    const durable = await startDurable({
      server: server(),
      options: { connection: { host, port: Number(port), db: 3 } },
    });
    await untilReady(durable);

    await durable.backend.accept([enqueued('send')]);

    const client = clientOf(server().url, 3);
    expect(await client.exists(`bull:${durable.queueName}:wait`)).toBe(1);
  });

  it('is reached as a client of the application is, which is neither used nor closed', async () => {
    const client = clientOf(server().url);
    await client.ping();
    const runner = new RecordedRunner().handle('send');
    const durable = await startDurable({ server: server(), options: { connection: client }, runner, worker: {} });
    await untilReady(durable);
    await durable.backend.accept([enqueued('send')]);
    await runner.ran(1);

    await durable.app.close();

    expect(client.status).toBe('ready');
    expect(await client.ping()).toBe('PONG');
  });

  it('keeps its keys under the prefix', async () => {
    const durable = await startDurable({ server: server(), options: { connection: server().url, prefix: 'shop' } });
    await untilReady(durable);

    await durable.backend.accept([enqueued('send')]);

    expect(await clientOf(server().url).exists(`shop:${durable.queueName}:wait`)).toBe(1);
  });

  it('keeps a job as failed whose data are no JSON at all', async () => {
    const runner = new RecordedRunner().handle('send');
    const web = await startDurable({ server: server() });
    await untilReady(web);
    const task = enqueued('send');
    await web.backend.accept([task]);
    await clientOf(server().url).hset(`bull:${web.queueName}:t${task.envelope.id}`, 'data', '{"v":1,');

    await startDurable({ server: server(), queueName: web.queueName, runner, worker: {} });
    await until('the job has failed', async () => (await web.backend.queue.getFailedCount()) === 1);
    await web.backend.accept([enqueued('send')]);
    await runner.ran(1);

    expect(runner.runs).toHaveLength(1);
  });

  it('leaves the queues of @nestjs/bullmq to the application', async () => {
    const handled = deferred<string>();
    const orders = `orders-${randomUUID()}`;
    @Processor(orders)
    class OrdersProcessor extends WorkerHost {
      process({ name }: { readonly name: string }): Promise<void> {
        handled.resolve(name);
        return Promise.resolve();
      }
    }
    @Injectable()
    class Orders {
      constructor(@InjectQueue(orders) readonly queue: Queue) {}
    }
    const { hostname: host, port } = new URL(server().url);
    @Module({
      imports: [
        BullModule.forRoot({ connection: { host, port: Number(port) } }),
        BullModule.registerQueue({ name: orders }),
      ],
      providers: [OrdersProcessor, Orders],
    })
    class OrdersModule {}
    const runner = new RecordedRunner().handle('send');
    const durable = await startDurable({ server: server(), runner, worker: {}, imports: [OrdersModule] });
    await untilReady(durable);

    await durable.app.get(Orders).queue.add('ship', {});
    await durable.backend.accept([enqueued('send')]);
    await runner.ran(1);

    expect(await handled.promise).toBe('ship');
    expect(runner.runs.map(({ envelope }) => envelope.name)).toEqual(['send']);
  });
});

function clientOf(url: string, db = 0): Redis {
  const client = new Redis(url, { db });
  onTestFinished(() => client.disconnect());
  return client;
}
