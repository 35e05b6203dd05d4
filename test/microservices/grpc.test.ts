import {
  Controller,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import {
  type ClientGrpc,
  Ctx,
  GrpcMethod,
  type GrpcOptions,
  GrpcStreamCall,
  GrpcStreamMethod,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { type EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import {
  concat,
  finalize,
  firstValueFrom,
  from,
  lastValueFrom,
  map,
  NEVER,
  type Observable,
  of,
  throwError,
  toArray,
  type Unsubscribable,
} from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  type BackgroundTasks,
  BackgroundTasksRef,
  currentTask,
  Resource,
  TaskObservers,
  Tasks,
} from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { freePort } from '../support/free-port.js';
import { clientOf, microservice, startMicroservice } from '../support/microservices.js';
import { RecordedEvents } from '../support/recorded-events.js';
import { recordedResource } from '../support/recorded-resource.js';
import { useTimeline } from '../support/timeline.js';
import { describeTransport, expectNothingLeft, type TransportSettings } from '../support/transport-suite.js';

interface Json {
  readonly json: string;
}

/** Methods of a service, as its client has them. */
type Service = Readonly<Record<string, (data: unknown, options?: object) => Observable<Json>>>;

/** The side of the server of a call. */
interface Call extends EventEmitter {
  readonly cancelled: boolean;
}

const decoding: PipeTransform<Json> = { transform: ({ json }) => JSON.parse(json) as unknown };

/** The calls that the server has received. */
const calls: Call[] = [];

const recordingCalls: NestInterceptor = {
  intercept(context, next) {
    calls.push(context.getArgByIndex<Call>(2));
    return next.handle();
  },
};

const encoding: NestInterceptor = {
  intercept: (_context, next) => next.handle().pipe(map((value: unknown) => ({ json: JSON.stringify(value) }))),
};

describeTransport({
  ...microservice,
  name: 'gRPC',
  observedAs: { kind: 'rpc', description: 'call "Suite/handle"' },
  knowsPeers: true,
  handlers: () => (target) => {
    Controller()(target);
    UseInterceptors(recordingCalls, encoding)(target);
  },
  message: (name) => GrpcMethod('Suite', name),
  data: (...pipes) => Payload(decoding, ...(pipes as [])),
  // The error of a call is an object, which has its status.
  answer: ({ message }) => throwError(() => new RpcException({ message }).getError()),
  tenantOf: (origin) => JSON.parse((origin as { readonly data: Json }).data.json) as string,
  async start(handlers, settings) {
    const { app, logs, service } = await startGrpc(handlers, settings, 'Suite');
    const call = (name: string, data: unknown) => service[name]!({ json: JSON.stringify(data) });
    return {
      app,
      logs,
      send: (name, data) =>
        lastValueFrom(
          call(name, data).pipe(
            map(({ json }) => JSON.parse(json) as unknown),
            toArray(),
          ),
        ),
      async drop(name, data, begun) {
        const subscription = call(name, data).subscribe();
        await begun;
        await cancel(subscription);
      },
    };
  },
});

@Injectable()
class UsesRef {
  constructor(readonly ref: BackgroundTasksRef) {}
}

describe('B11 a call over gRPC', () => {
  const timeline = useTimeline();

  it('is one unit if it is unary, and its tasks run after the reply', async () => {
    const gate = deferred();
    const seen = new Set<BackgroundTasks>();
    class Handlers {
      async unary({ json }: Json, tasks: BackgroundTasks, _db: unknown) {
        seen.add(tasks);
        tasks.addTask(async () => {
          await gate.promise;
          timeline.note(`task of ${json}`);
        });
        return { json };
      }
    }
    decorate(Handlers, GrpcMethod('Calls', 'unary'), Tasks(), Resource('db'));
    const db = recordedResource(timeline, { provide: 'db' });
    const running = await startGrpc(Handlers, { providers: [db] }, 'Calls');
    const events = new RecordedEvents();
    running.app.get(TaskObservers).add(events.observer);

    const replies = ['x', 'y'].map((json) => firstValueFrom(running.service.unary!({ json })));
    expect(await Promise.all(replies)).toEqual([{ json: 'x' }, { json: 'y' }]);
    timeline.note('replied');
    gate.resolve();
    await settled(running.app);

    expect(timeline.events.slice(0, 3)).toEqual(['db opened', 'db opened', 'replied']);
    expect(timeline.events.toSorted().slice(-3)).toEqual(['replied', 'task of x', 'task of y']);
    expect(seen.size).toBe(2);
    expect(events.of('scopeOpened').map(({ scope }) => scope.description)).toEqual(Array(2).fill('call "Calls/unary"'));
    expectNothingLeft(running);
  });

  it.each([
    { what: 'its client cancels it before a unary reply', options: {}, leave: cancel },
    { what: 'its deadline passes before a unary reply', options: { deadline: 200 }, leave: noticed },
  ])('is aborted if $what', async ({ options: { deadline }, leave }) => {
    const gate = deferred();
    class Handlers {
      async unary(_data: Json, tasks: BackgroundTasks) {
        tasks.addTask(() => timeline.note(`aborted: ${currentTask().outcome.aborted}`));
        tasks.with({ onAbort: 'skip' }).addTask(timeline.note, 'never');
        timeline.note('began');
        await gate.promise;
        return { json: 'nobody hears' };
      }
    }
    decorate(Handlers, GrpcMethod('Calls', 'unary'), Tasks());
    UseInterceptors(recordingCalls)(Handlers);
    const running = await startGrpc(Handlers, {}, 'Calls');
    const options = deadline === undefined ? {} : { deadline: Date.now() + deadline };
    const subscription = running.service.unary!({ json: 'x' }, options).subscribe({ error: () => undefined });
    await timeline.until('began');

    await leave(subscription);
    gate.resolve();
    await timeline.until('aborted: true');
    await settled(running.app);

    expect(timeline.events).toEqual(['began', 'aborted: true']);
    expectNothingLeft(running);
  });

  it('is aborted if its client cancels it in the middle of a stream, which Nest unsubscribes', async () => {
    class Handlers {
      stream(_data: Json, tasks: BackgroundTasks) {
        tasks.addTask(() => timeline.note(`aborted: ${currentTask().outcome.aborted}`));
        return concat(of({ json: 'first' }), NEVER).pipe(finalize(() => timeline.note('unsubscribed')));
      }
    }
    decorate(Handlers, GrpcMethod('Calls', 'stream'), Tasks());
    UseInterceptors(recordingCalls)(Handlers);
    const running = await startGrpc(Handlers, {}, 'Calls');
    const first = deferred();
    const subscription = running.service.stream!({ json: 'x' }).subscribe(() => first.resolve());
    await first.promise;

    await cancel(subscription);
    await timeline.until('aborted: true');
    await settled(running.app);

    expect(timeline.events).toEqual(['unsubscribed', 'aborted: true']);
    expectNothingLeft(running);
  });

  it.each([
    { what: 'in an application with BackgroundTasksRef', providers: [UsesRef] },
    { what: 'that uses nothing of this package', providers: [] },
  ])('ends, in a handler $what, if its client cancels it before a stream begins', async ({ providers }) => {
    const gate = deferred();
    @Controller()
    class Handlers {
      @GrpcMethod('Calls', 'stream')
      async stream(data: Json, _metadata: unknown, call: Call) {
        calls.push(call);
        timeline.note('began');
        await gate.promise;
        return of(data);
      }
    }
    const running = await startGrpc(Handlers, { providers }, 'Calls');
    const subscription = running.service.stream!({ json: 'x' }).subscribe();
    await timeline.until('began');

    await cancel(subscription);
    gate.resolve();
    await running.app.close();

    expect(timeline.events).toEqual(['began']);
    expectNothingLeft(running);
  });

  it('is one unit if its client streams, and is not aborted by the end of that stream', async () => {
    class Handlers {
      collect(data: Observable<Json>, tasks: BackgroundTasks) {
        tasks.addTask(() => timeline.note(`aborted: ${currentTask().outcome.aborted}`));
        return data.pipe(
          toArray(),
          map((all) => ({ json: all.map(({ json }) => json).join() })),
        );
      }
    }
    decorate(Handlers, GrpcStreamMethod('Calls', 'collect'), Tasks());
    const running = await startGrpc(Handlers, {}, 'Calls');

    const reply = firstValueFrom(running.service.collect!(from([{ json: 'x' }, { json: 'y' }])));

    expect(await reply).toEqual({ json: 'x,y' });
    await settled(running.app);
    expect(timeline.events).toEqual(['aborted: false']);
  });

  it('is one unit if both sides stream', async () => {
    class Handlers {
      chat(data: Observable<Json>, tasks: BackgroundTasks) {
        tasks.addTask(() => timeline.note(`aborted: ${currentTask().outcome.aborted}`));
        return data.pipe(finalize(() => timeline.note('last')));
      }
    }
    decorate(Handlers, GrpcStreamMethod('Calls', 'chat'), Tasks());
    const running = await startGrpc(Handlers, {}, 'Calls');

    const replies = lastValueFrom(running.service.chat!(from([{ json: 'x' }, { json: 'y' }])).pipe(toArray()));

    expect(await replies).toEqual([{ json: 'x' }, { json: 'y' }]);
    await settled(running.app);
    expect(timeline.events).toEqual(['last', 'aborted: false']);
    expectNothingLeft(running);
  });

  it('is one unit if its handler reads the call itself, until that has returned', async () => {
    class Handlers {
      async collect(call: AsyncIterable<Json>, tasks: BackgroundTasks, reply: (error: unknown, data: Json) => void) {
        tasks.addTask(timeline.note, 'task');
        const all: string[] = [];
        for await (const { json } of call) all.push(json);
        reply(null, { json: all.join() });
      }
    }
    decorate(Handlers, GrpcStreamCall('Calls', 'collect'), Tasks(), Ctx());
    const running = await startGrpc(Handlers, {}, 'Calls');

    const reply = firstValueFrom(running.service.collect!(from([{ json: 'x' }, { json: 'y' }])));

    expect(await reply).toEqual({ json: 'x,y' });
    await settled(running.app);
    expect(timeline.events).toEqual(['task']);
  });

  it('is answered if a shutdown finds it in flight, and refused if it comes later', async () => {
    const gate = deferred();
    class Handlers {
      async unary({ json }: Json, tasks: BackgroundTasks) {
        tasks.addTask(timeline.note, `task of ${json}`);
        timeline.note(`began ${json}`);
        await gate.promise;
        return { json };
      }
    }
    decorate(Handlers, GrpcMethod('Calls', 'unary'), Tasks());
    const { app, service } = await startGrpc(Handlers, {}, 'Calls');
    const reply = firstValueFrom(service.unary!({ json: 'x' }));
    await timeline.until('began x');

    const closed = app.close();
    const late = firstValueFrom(service.unary!({ json: 'y' }));

    await expect(late).rejects.toMatchObject({ code: UNAVAILABLE });
    gate.resolve();
    expect(await reply).toEqual({ json: 'x' });
    await closed;
    expect(timeline.events).toEqual(['began x', 'task of x']);
  });
});

/** The status of a call that no server takes, so that its client may try again. */
const UNAVAILABLE = 14;

/** Makes a class one that handles the calls of its only method. */
function decorate(handlers: Type, method: MethodDecorator, ...parameters: readonly ParameterDecorator[]): void {
  const prototype = handlers.prototype as object;
  const name = Object.getOwnPropertyNames(prototype).at(-1)!;
  [Payload(), ...parameters].forEach((parameter, index) => parameter(prototype, name, index));
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name)!;
  method(prototype, name, descriptor);
  // The decorator may have replaced the method.
  Object.defineProperty(prototype, name, descriptor);
  Controller()(handlers);
}

/** Cancels the last call, and waits until the server has noticed. */
async function cancel(subscription: Unsubscribable): Promise<void> {
  const cancelled = noticed();
  subscription.unsubscribe();
  await cancelled;
}

/** Resolves once the server has noticed that the last call is over. */
async function noticed(): Promise<void> {
  const call = calls.at(-1)!;
  if (!call.cancelled) await once(call, 'cancelled');
}

async function startGrpc(
  handlers: NonNullable<TransportSettings['controllers']>[number],
  settings: TransportSettings,
  name: string,
) {
  const options: GrpcOptions = {
    transport: Transport.GRPC,
    options: {
      package: 'test',
      protoPath: join(import.meta.dirname, '../support/suite.proto'),
      url: `127.0.0.1:${await freePort()}`,
    },
  };
  const { app, logs } = await startMicroservice([handlers], settings, options);
  const client = clientOf(options).proxy as unknown as ClientGrpc;
  return { app, logs, service: client.getService<Service>(name) };
}
