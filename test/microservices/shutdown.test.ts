import { Controller, type Type } from '@nestjs/common';
import {
  EventPattern,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { from, mergeMap, type Observable } from 'rxjs';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type BackgroundTasks, BackgroundTasksHost, Tasks } from '../../src/index.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { freePort } from '../support/free-port.js';
import { clientOf, packetOf, startMicroservice } from '../support/microservices.js';
import { useTimeline } from '../support/timeline.js';

const timeline = useTimeline();
const { note } = timeline;

let handlerMayEnd: Deferred;
let taskMayEnd: Deferred;

beforeEach(() => {
  handlerMayEnd = deferred();
  taskMayEnd = deferred();
});

@Controller()
class Messages {
  @MessagePattern('hold')
  async hold(@Payload() data: string, @Tasks() tasks: BackgroundTasks): Promise<string> {
    tasks.addTask(async () => {
      await taskMayEnd.promise;
      note(`task of ${data}`);
    });
    note(`handling ${data}`);
    await handlerMayEnd.promise;
    return data;
  }

  @MessagePattern('answer')
  async answer(@Payload() data: string, @Tasks() tasks: BackgroundTasks): Promise<string> {
    tasks.addTask(note, data);
    return data;
  }

  @EventPattern('happened')
  happened(@Payload() data: string, @Tasks() tasks: unknown): void {
    (tasks as BackgroundTasks).addTask(note, `task of event ${data}`);
  }
}

describe('B18 while a shutdown waits for messages over TCP', () => {
  it('refuses new ones with SHUTTING_DOWN, handles events, and answers those in flight', async () => {
    const { app, client } = await start();
    const sent = client.send('hold', 'x');
    await timeline.until('handling x');

    const closed = app.close();
    const refused = client.send('answer', 'y');
    client.emit('happened', 'z');

    await expect(refused).rejects.toMatchObject({ status: 'error', code: 'SHUTTING_DOWN' });
    await timeline.until('task of event z');
    handlerMayEnd.resolve();
    taskMayEnd.resolve();
    expect(await sent).toEqual(['x']);
    await closed;
    expect(timeline.events).toEqual(['handling x', 'task of event z', 'task of x']);
  });

  it('says that it waits for them', async () => {
    const { app, client, logs } = await start();
    const sent = client.send('hold', 'x');
    await timeline.until('handling x');

    const closed = app.close();
    await logs.until('lines', 'Shutting down: waiting for 1 task (anonymous) and 1 unit of work');
    handlerMayEnd.resolve();
    taskMayEnd.resolve();

    expect(await sent).toEqual(['x']);
    await closed;
  });

  it('takes no more connections, and closes one as soon as it waits for no answer', async () => {
    const { app, port } = await start();
    const [idle, busy] = [await connect(port), await connect(port)];
    busy.write(packetOf({ pattern: 'hold', data: 'x', id: '1' }));
    await timeline.until('handling x');

    const closed = app.close();
    await closedBy(idle);
    await expect(once(createConnection(port, '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(busy.closed).toBe(false);
    handlerMayEnd.resolve();
    expect(await closedBy(busy)).toContain('"response":"x"');

    expect(timeline.events).toEqual(['handling x']);
    taskMayEnd.resolve();
    await closed;
    expect(timeline.events).toEqual(['handling x', 'task of x']);
  });

  it('ends although messages keep coming, and each is answered with its task run, or fails at its sender', async () => {
    const { app, client } = await start();
    const answered: string[] = [];
    const failed: string[] = [];
    const peers = Array.from({ length: 10 }, async (_, peer) => {
      for (let count = 0; failed.length < 100; count++) {
        const data = `${peer}/${count}`;
        await client.send('answer', data).then(
          () => answered.push(data),
          () => failed.push(data),
        );
      }
    });
    await timeline.until('9/20');

    await app.close();
    await Promise.all(peers);

    expect(timeline.events.toSorted()).toEqual(answered.toSorted());
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ abandoned: 0, succeeded: answered.length });
  });

  it('handles the event of a peer that has not learned of it, and leaves its message to the peer', async () => {
    const { app, port } = await start();
    const slow = await connect(port, { allowHalfOpen: true });
    const ended = once(slow, 'end');
    slow.resume();

    const closed = app.close();
    await ended;
    slow.write(packetOf({ pattern: 'answer', data: 'too late', id: '1' }));
    slow.end(packetOf({ pattern: 'happened', data: 'x' }));
    await closed;

    expect(timeline.events).toEqual(['task of event x']);
  });

  it('does not wait for a peer that never closes its side', async () => {
    const { app, port } = await start();
    await connect(port, { allowHalfOpen: true });

    await app.close();

    expect(app.get(BackgroundTasksHost).isDraining).toBe(true);
  });
});

@Controller()
class Plain {
  @MessagePattern('value')
  async value(@Payload() data: string): Promise<string> {
    note('began');
    await handlerMayEnd.promise;
    return data;
  }

  @MessagePattern('stream')
  stream(@Payload() data: string): Observable<string> {
    note('began');
    return from(handlerMayEnd.promise).pipe(mergeMap(() => [data, data]));
  }

  @MessagePattern('error')
  async error(@Payload() _data: string): Promise<never> {
    note('began');
    await handlerMayEnd.promise;
    throw new RpcException('refused');
  }

  @EventPattern('event')
  async event(@Payload() _data: string): Promise<void> {
    note('began');
    await handlerMayEnd.promise;
    note('handled');
  }
}

describe('B18 a shutdown waits for handlers over TCP that use nothing of this package', () => {
  it.each([
    ['value', ['x']],
    ['stream', ['x', 'x']],
    ['error', { message: 'refused', status: 'error' }],
  ])('and has the %s answered', async (name, expected) => {
    const { app, client } = await start(Plain);
    const sent = client.send(name, 'x').catch((error: unknown) => error);
    await timeline.until('began');

    const closed = app.close();
    handlerMayEnd.resolve();

    expect(await sent).toEqual(expected);
    await closed;
  });

  it('and lets an event be handled', async () => {
    const { app, client, logs } = await start(Plain);
    client.emit('event', 'x');
    await timeline.until('began');

    const closed = app.close();
    await logs.until('lines', 'Shutting down: waiting for 1 unit of work');
    handlerMayEnd.resolve();
    await closed;

    expect(timeline.events).toEqual(['began', 'handled']);
  });
});

async function start(controller: Type = Messages) {
  const port = await freePort();
  const options: MicroserviceOptions = {
    transport: Transport.TCP,
    // It would listen again, as after a failure.
    options: { host: '127.0.0.1', port, retryAttempts: 5, retryDelay: 0 },
  };
  const { app, logs } = await startMicroservice([controller], {}, options);
  return { app, logs, port, client: clientOf({ transport: Transport.TCP, options: { host: '127.0.0.1', port } }) };
}

async function connect(port: number, options: { readonly allowHalfOpen?: boolean } = {}): Promise<Socket> {
  const socket = createConnection({ port, host: '127.0.0.1', ...options });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Resolves with what the server has sent, once it has closed the connection. */
async function closedBy(socket: Socket): Promise<string> {
  const received: string[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk.toString()));
  await once(socket, 'close');
  return received.join('');
}
