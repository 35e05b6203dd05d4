import { Controller } from '@nestjs/common';
import {
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { once } from 'node:events';
import { createConnection, type Server, type Socket } from 'node:net';
import { lastValueFrom, throwError, toArray } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasks, BackgroundTasksModule, Tasks, Resource } from '../../src/index.js';
import { MicroservicesBackgroundTasksModule } from '../../src/microservices/index.js';
import { RecordingBackgroundTasks, settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { freePort } from '../support/free-port.js';
import { platforms, startApp } from '../support/platforms.js';
import { recordedResource } from '../support/recorded-resource.js';
import { RecordedLogs } from '../support/recorded-logs.js';
import { useTimeline } from '../support/timeline.js';
import {
  describeTransport,
  expectNothingLeft,
  type Running,
  type Transport as Way,
} from '../support/transport-suite.js';

const tcp: Way = {
  name: 'TCP',
  hasScopeOfMessage: true,
  answersSeveralTimes: true,
  filtersComeLast: true,
  knowsPeers: true,
  handlers: () => Controller(),
  message: (name) => MessagePattern(name),
  data: (...pipes) => Payload(...(pipes as [])),
  answer: ({ message }) => throwError(() => new RpcException(message).getError()),
  async start(handlers, metadata) {
    const builder = Test.createTestingModule({
      ...metadata,
      imports: [BackgroundTasksModule.forRoot(), MicroservicesBackgroundTasksModule],
      controllers: [handlers],
    });
    const logs = new RecordedLogs();
    const port = await freePort();
    const module = await builder.compile();
    const app = module.createNestMicroservice<MicroserviceOptions>({ ...listenOn(port), logger: logs });
    await app.listen();
    onTestFinished(() => app.close());
    return { app, logs, ...clientOf(port), drop: dropping(app.unwrap<Server>(), port) };
  },
};

describeTransport(tcp);

describe('B11 an event over TCP', () => {
  const timeline = useTimeline();

  it('runs its tasks, and releases its resources', async () => {
    const DB = 'db';
    @Controller()
    class Handlers {
      @EventPattern('happened')
      handle(@Payload() data: string, @Tasks() tasks: unknown, @Resource(DB) _db: unknown) {
        (tasks as BackgroundTasks).addTask(() => timeline.note(`task of ${data}`));
      }
    }
    const running = await tcp.start(Handlers, { providers: [recordedResource(timeline, { provide: DB })] });

    (running as Client & Running).emit('happened', 'x');
    await timeline.until('db released');

    expect(timeline.events).toEqual(['db opened', 'task of x', 'db committed', 'db released']);
  });

  it('is one unit for each of its handlers, whatever the scope of their controllers', async () => {
    const seen: BackgroundTasks[] = [];
    @Controller()
    class First {
      constructor(private readonly tasks: BackgroundTasks) {}

      @EventPattern('happened')
      handle(@Tasks() tasks: BackgroundTasks) {
        seen.push(tasks, this.tasks);
        tasks.addTask(() => timeline.note('first'));
        throw new RpcException('broken');
      }

      @EventPattern('happened')
      again(@Tasks() tasks: BackgroundTasks) {
        seen.push(tasks, this.tasks);
        tasks.addTask(() => timeline.note('second'));
      }
    }
    const running = await tcp.start(First, {});

    (running as Client & Running).emit('happened', 'x');
    await timeline.until('second');
    await settled(running.app);

    expect(timeline.events).toEqual(['second']);
    expect(seen[0]).toBe(seen[1]);
    expect(seen[2]).toBe(seen[3]);
    expect(seen[0]).not.toBe(seen[2]);
    expectNothingLeft(running);
  });
});

describe.each(platforms)('B11 a hybrid application on $name', (platform) => {
  it('gives tasks to requests and to messages, and finishes both when it closes', async () => {
    const timeline = useTimelineOf();
    const port = await freePort();
    const begun = deferred();
    const gate = deferred();
    @Controller()
    class Handlers {
      @MessagePattern('handle')
      async handle(@Payload() data: string, @Tasks() tasks: BackgroundTasks) {
        tasks.addTask(() => timeline.push(`task of ${data}`));
        begun.resolve();
        await gate.promise;
        return data;
      }
    }
    const { app } = await startApp(platform, {
      imports: [MicroservicesBackgroundTasksModule],
      controllers: [Handlers],
      configure: async (hybrid) => {
        hybrid.connectMicroservice<MicroserviceOptions>(listenOn(port));
        await hybrid.startAllMicroservices();
      },
    });
    const sent = clientOf(port).send('handle', 'x');
    await begun.promise;

    const closed = app.close();
    gate.resolve();

    expect(await sent).toEqual(['x']);
    await closed;
    expect(timeline).toEqual(['task of x']);
  });
});

describe('B11 overriding BackgroundTasks', () => {
  it('reaches messages', async () => {
    @Controller()
    class Handlers {
      @MessagePattern('handle')
      handle(@Tasks() tasks: BackgroundTasks) {
        tasks.addTask(send, 'x');
        return 'done';
      }
    }
    const send = (_to: string) => undefined;
    const port = await freePort();
    const recorded = new RecordingBackgroundTasks();
    const module = await Test.createTestingModule({
      imports: [BackgroundTasksModule.forRoot(), MicroservicesBackgroundTasksModule],
      controllers: [Handlers],
    })
      .overrideProvider(BackgroundTasks)
      .useValue(recorded)
      .compile();
    const app = module.createNestMicroservice<MicroserviceOptions>(listenOn(port));
    await app.listen();
    onTestFinished(() => app.close());

    await clientOf(port).send('handle', 'x');

    expect(recorded.added.map(({ name }) => name)).toEqual(['send']);
  });
});

function useTimelineOf(): string[] {
  return [];
}

function listenOn(port: number): MicroserviceOptions {
  return { transport: Transport.TCP, options: { host: '127.0.0.1', port } };
}

interface Client extends Pick<Running, 'send'> {
  emit(name: string, data: unknown): void;
}

function clientOf(port: number): Client {
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  onTestFinished(() => void client.close());
  return {
    send: (name, data) => lastValueFrom(client.send<unknown>(name, data).pipe(toArray())),
    emit: (name, data) => void client.emit(name, data).subscribe(),
  };
}

/** Resolves once the server has noticed that the client is gone. */
function dropping(server: Server, port: number): Running['drop'] {
  return async (pattern, data, begun) => {
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const socket = createConnection(port, '127.0.0.1');
    const [connection] = await connected;
    const packet = JSON.stringify({ pattern, data, id: 'dropped' });
    socket.write(`${packet.length}#${packet}`);
    await begun;
    const closed = once(connection, 'close');
    socket.destroy();
    await closed;
  };
}
