import { Controller, type INestApplication, Injectable, type Type } from '@nestjs/common';
import { LazyModuleLoader, ModuleRef } from '@nestjs/core';
import {
  Ctx,
  EventPattern,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { once } from 'node:events';
import { createConnection, type Server, type Socket } from 'node:net';
import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  BackgroundTasks,
  BackgroundTasksInterceptor,
  BackgroundTasksRef,
  currentTask,
  Tasks,
  Resource,
  TaskObservers,
  UnitOfWork,
} from '../../src/index.js';
import { MicroservicesBackgroundTasksModule } from '../../src/microservices/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { freePort } from '../support/free-port.js';
import { clientOf, microservice, packetOf, startMicroservice } from '../support/microservices.js';
import { platforms, startApp } from '../support/platforms.js';
import { RecordedEvents } from '../support/recorded-events.js';
import { recordedResource } from '../support/recorded-resource.js';
import { useTimeline } from '../support/timeline.js';
import {
  describeTransport,
  expectNothingLeft,
  type Running,
  type Transport as Way,
  type TransportSettings,
} from '../support/transport-suite.js';

const tcp: Way = {
  ...microservice,
  name: 'TCP',
  knowsPeers: true,
  start: (handlers, settings) => startOverTcp([handlers], settings),
};

describeTransport(tcp);

describe('B11 a message over TCP that loads a module lazily', () => {
  const timeline = useTimeline();

  @Injectable()
  class Work {
    constructor(private readonly ref: BackgroundTasksRef) {}

    @UnitOfWork()
    run(data: string): void {
      this.ref.current.addTask(timeline.note, `task of ${data}`);
    }
  }
  class LazyModule {}
  const load = async (loader: LazyModuleLoader, data: string) => {
    const loaded = await loader.load(() => ({ module: LazyModule, providers: [Work] }));
    loaded.get(Work).run(data);
    return data;
  };

  it('is joined by the @UnitOfWork() methods of that module, from the first message on', async () => {
    @Controller()
    class Handlers {
      constructor(private readonly loader: LazyModuleLoader) {}

      @MessagePattern('handle')
      handle(@Payload() data: string) {
        return load(this.loader, data);
      }
    }
    const running = await startOverTcp([Handlers], {});
    const events = new RecordedEvents();
    running.app.get(TaskObservers).add(events.observer);

    expect([await running.send('handle', 'x'), await running.send('handle', 'y')]).toEqual([['x'], ['y']]);
    await settled(running.app);

    expect(timeline.events).toEqual(['task of x', 'task of y']);
    expect(events.of('scopeOpened').map(({ scope }) => scope.kind)).toEqual(['rpc', 'rpc']);
  });

  it('is joined by them from the second message on, if nothing injects the loader', async () => {
    @Controller()
    class Handlers {
      constructor(private readonly moduleRef: ModuleRef) {}

      @MessagePattern('handle')
      handle(@Payload() data: string) {
        return load(this.moduleRef.get(LazyModuleLoader, { strict: false }), data);
      }
    }
    const running = await startOverTcp([Handlers], {});
    const events = new RecordedEvents();
    running.app.get(TaskObservers).add(events.observer);

    expect([await running.send('handle', 'x'), await running.send('handle', 'y')]).toEqual([['x'], ['y']]);
    await settled(running.app);

    expect(timeline.events).toEqual(['task of x', 'task of y']);
    expect(events.of('scopeOpened').map(({ scope }) => scope.kind)).toEqual(['unit', 'rpc']);
  });
});

describe('B11 a message over TCP behind BackgroundTasksInterceptor', () => {
  const timeline = useTimeline();

  @Controller()
  class Handlers {
    constructor(private readonly moduleRef: ModuleRef) {}

    @MessagePattern('handle')
    handle(@Payload() data: string) {
      const { current } = this.moduleRef.get(BackgroundTasksRef, { strict: false });
      current.addTask(timeline.note, `task of ${data}`);
      return data;
    }
  }
  const interceptor = new BackgroundTasksInterceptor();
  type Connect = (app: INestApplication, options: MicroserviceOptions) => void;
  const ways: readonly { readonly what: string; readonly connect: Connect }[] = [
    {
      what: 'to an application that its microservice inherits from',
      connect: (app, options) =>
        void app.useGlobalInterceptors(interceptor).connectMicroservice(options, { inheritAppConfig: true }),
    },
    {
      what: 'to an application after its microservice has been connected',
      connect: (app, options) => {
        app.connectMicroservice(options);
        app.useGlobalInterceptors(interceptor);
      },
    },
    {
      what: 'to the microservice',
      connect: (app, options) =>
        void app.connectMicroservice(options, { deferInitialization: true }).useGlobalInterceptors(interceptor),
    },
  ];

  it.each(ways)('has tasks where an instance is bound $what', async ({ connect }) => {
    const port = await freePort();
    const { app } = await startApp(platforms[0]!, {
      imports: [MicroservicesBackgroundTasksModule],
      controllers: [Handlers],
      configure: async (hybrid) => {
        connect(hybrid, overTcp(port));
        await hybrid.startAllMicroservices();
      },
    });

    expect(await clientOf(overTcp(port)).send('handle', 'x')).toEqual(['x']);
    await settled(app);

    expect(timeline.events).toEqual(['task of x']);
  });
});

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
    const running = await startOverTcp([Handlers], { providers: [recordedResource(timeline, { provide: DB })] });

    running.emit('happened', 'x');
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
    const running = await startOverTcp([First], {});

    running.emit('happened', 'x');
    await timeline.until('second');
    await settled(running.app);

    expect(timeline.events).toEqual(['second']);
    expect(seen[0]).toBe(seen[1]);
    expect(seen[2]).toBe(seen[3]);
    expect(seen[0]).not.toBe(seen[2]);
    expectNothingLeft(running);
  });

  it('does not fail with a handler of the same event that uses nothing of this package', async () => {
    @Controller()
    class First {
      @EventPattern('happened')
      handle(@Tasks() tasks: BackgroundTasks, @Resource('db') _db: unknown) {
        tasks.addTask(() => timeline.note('task'));
      }
    }
    @Controller()
    class Second {
      @EventPattern('happened')
      handle(@Payload() _data: string) {
        timeline.note('second');
        throw new RpcException('broken');
      }
    }
    const db = recordedResource(timeline, { provide: 'db' });
    const running = await startOverTcp([First, Second], { providers: [db] });

    running.emit('happened', 'x');
    await timeline.until('db released');

    expect(timeline.events).toEqual(['db opened', 'second', 'task', 'db committed', 'db released']);
  });

  it.each([
    { what: 'with tasks', parameter: Tasks() },
    { what: 'that uses nothing of this package', parameter: Ctx() },
  ])('ends with each handler $what, although Nest reads no answer after another has failed', async ({ parameter }) => {
    const gate = deferred();
    class Handlers {
      fail() {
        throw new RpcException('broken');
      }

      async answer(_context: unknown) {
        timeline.note('called');
        await gate.promise;
        return of('never read');
      }
    }
    decorateEvent(Handlers, 'fail');
    parameter(Handlers.prototype, 'answer', 0);
    decorateEvent(Handlers, 'answer');
    Controller()(Handlers);
    const running = await startOverTcp([Handlers], {});

    running.emit('happened', 'x');
    await timeline.until('called');
    gate.resolve();
    await running.app.close();

    expect(timeline.events).toEqual(['called']);
    expectNothingLeft(running);
  });

  it('is not aborted when its sender, who waits for no answer, leaves before it is handled', async () => {
    const gate = deferred();
    @Controller()
    class Handlers {
      @EventPattern('happened')
      async handle(@Tasks() tasks: BackgroundTasks) {
        tasks.with({ onAbort: 'skip' }).addTask(() => timeline.note(`aborted: ${currentTask().outcome.aborted}`));
        timeline.note('began');
        await gate.promise;
      }
    }
    const { app, port } = await startOverTcp([Handlers], {});
    const connected = once(app.unwrap<Server>(), 'connection') as Promise<[Socket]>;
    const sender = createConnection(port, '127.0.0.1');
    const [connection] = await connected;
    sender.write(packetOf({ pattern: 'happened', data: 'x' }));
    await timeline.until('began');
    const closed = once(connection, 'close');
    sender.destroy();
    await closed;

    gate.resolve();
    await settled(app);

    expect(timeline.events).toEqual(['began', 'aborted: false']);
  });
});

describe.each(platforms)('B11 a hybrid application on $name', (platform) => {
  it('gives tasks to requests and to messages, and finishes both when it closes', async () => {
    const timeline: string[] = [];
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
        hybrid.connectMicroservice<MicroserviceOptions>(overTcp(port));
        await hybrid.startAllMicroservices();
      },
    });
    const sent = clientOf(overTcp(port)).send('handle', 'x');
    await begun.promise;

    const closed = app.close();
    gate.resolve();

    expect(await sent).toEqual(['x']);
    await closed;
    expect(timeline).toEqual(['task of x']);
  });
});

function decorateEvent({ prototype }: Type, method: string): void {
  EventPattern('happened')(prototype as object, method, Object.getOwnPropertyDescriptor(prototype, method)!);
}

async function startOverTcp(handlers: NonNullable<TransportSettings['controllers']>, settings: TransportSettings) {
  const port = await freePort();
  const { app, logs } = await startMicroservice(handlers, settings, overTcp(port));
  return { app, logs, port, ...clientOf(overTcp(port)), drop: dropping(app.unwrap<Server>(), port) };
}

function overTcp(port: number): MicroserviceOptions {
  return { transport: Transport.TCP, options: { host: '127.0.0.1', port } };
}

/** Resolves once the server has noticed that the client is gone. */
function dropping(server: Server, port: number): Running['drop'] {
  return async (pattern, data, begun) => {
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const socket = createConnection(port, '127.0.0.1');
    const [connection] = await connected;
    socket.write(packetOf({ pattern, data, id: 'dropped' }));
    await begun;
    const closed = once(connection, 'close');
    socket.destroy();
    await closed;
  };
}
