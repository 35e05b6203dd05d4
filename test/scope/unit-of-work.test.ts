import { Controller, Get, Inject, Injectable, Scope } from '@nestjs/common';
import { LazyModuleLoader, NestFactory } from '@nestjs/core';
import {
  CommandBus,
  CommandHandler,
  CqrsModule,
  EventBus,
  EventsHandler,
  type ICommand,
  type IEvent,
  ofType,
  QueryBus,
  QueryHandler,
  Saga,
} from '@nestjs/cqrs';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { Cron, Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { defer, lastValueFrom, map, Observable, of, Subject } from 'rxjs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksModule,
  BackgroundTasksRef,
  provideResource,
  UnitOfWork,
} from '../../src/index.js';
import { CalledUnits } from '../../src/scope/called-units.js';
import { RequestScopes } from '../../src/scope/request-scopes.js';
import { RecordingBackgroundTasks, settled } from '../../src/testing/index.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { platforms, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';
import { useTimeline } from '../support/timeline.js';

const timeline = useTimeline();
const { note } = timeline;
let gate: Deferred;

/** Notes when it is acquired and released, and with which error. */
class Session {}
const session = provideResource({
  provide: Session,
  async *useFactory() {
    note('acquired');
    try {
      yield new Session();
      note('released');
    } catch (error) {
      note(`released after ${(error as Error).message}`);
    }
  },
});

@Injectable()
class Work {
  constructor(private readonly ref: BackgroundTasksRef) {}

  @UnitOfWork()
  now(): string {
    this.ref.current.addTask(note, 'task');
    return 'result';
  }

  @UnitOfWork()
  async later(): Promise<string> {
    this.ref.current.addTask(note, 'task');
    await gate.promise;
    note('returned');
    return 'result';
  }

  @UnitOfWork()
  stream(): Observable<number> {
    this.ref.current.addTask(note, 'task');
    return of(1, 2);
  }

  @UnitOfWork()
  async streamLater(): Promise<Observable<number>> {
    return this.stream();
  }

  /** A stream whose tasks are added when somebody subscribes. */
  @UnitOfWork()
  cold(values: Observable<number>): Observable<number> {
    return defer(() => {
      this.ref.current.addTask(note, 'task of a subscription');
      return values;
    });
  }

  @UnitOfWork()
  async fail(): Promise<void> {
    this.ref.current.addTask(note, 'task');
    this.ref.current.with({ runOn: 'failure' }).addTask(note, 'failure task');
    throw new Error('broken');
  }

  @UnitOfWork()
  throwNow(): void {
    throw new Error('broken at once');
  }

  @UnitOfWork()
  async outer(): Promise<void> {
    this.ref.current.addTask(note, 'outer task');
    await this.inner();
    note('inner returned');
  }

  @UnitOfWork()
  async inner(): Promise<void> {
    this.ref.current.addTask(note, 'inner task');
  }
}

describe('B11 @UnitOfWork() on a method that nothing of ours calls', () => {
  it('runs its tasks after a synchronous method, which returns its value', async () => {
    const { work, idle } = await start();

    expect(work.now()).toBe('result');
    expect(timeline.events).toEqual([]);
    await idle();

    expect(timeline.events).toEqual(['task']);
  });

  it('runs its tasks after an asynchronous method has returned', async () => {
    const { work, idle } = await start();

    const result = work.later();
    gate.resolve();

    expect(await result).toBe('result');
    await idle();
    expect(timeline.events).toEqual(['returned', 'task']);
  });

  it('runs its tasks at the end of an Observable', async () => {
    const { work, idle } = await start();
    const values: number[] = [];

    const done = deferred();
    work.stream().subscribe({ next: (value) => void values.push(value), complete: () => done.resolve() });
    await done.promise;
    await idle();

    expect(values).toEqual([1, 2]);
    expect(timeline.events).toEqual(['task']);
  });

  it.each(['stream', 'streamLater'] as const)(
    'runs its tasks after %s(), which returned an Observable that nobody subscribes to',
    async (method) => {
      const { work, app } = await start();

      await work[method]();
      await app.close();

      expect(timeline.events).toEqual(['task']);
    },
  );

  it('is another unit for a subscription that comes later', async () => {
    const { app, work, idle } = await start();
    const stream = work.cold(of(1, 2));
    await app.get(CalledUnits).whenAnswered();

    const values: number[] = [];
    stream.subscribe((value) => void values.push(value));
    await idle();

    expect(values).toEqual([1, 2]);
    expect(timeline.events).toEqual(['task of a subscription']);
  });

  it('runs its tasks when the last of several subscriptions has ended', async () => {
    const { work, idle } = await start();
    const values = new Subject<number>();
    const stream = work.cold(values);
    const first = stream.subscribe();
    stream.subscribe({ complete: () => note('completed') });

    first.unsubscribe();
    await nextTurn();
    await nextTurn();
    values.complete();
    await idle();

    expect(timeline.events).toEqual(['completed', 'task of a subscription', 'task of a subscription']);
  });

  it('rejects with what the method threw, and runs the tasks for a failure', async () => {
    const { work, idle } = await start();

    await expect(work.fail()).rejects.toThrow('broken');
    await idle();

    expect(timeline.events).toEqual(['failure task']);
  });

  it('throws at once what a synchronous method throws', async () => {
    const { work } = await start();

    expect(() => work.throwNow()).toThrow('broken at once');
  });

  it('is one unit with the calls within it', async () => {
    const { work, idle } = await start();

    await work.outer();
    await idle();

    expect(timeline.events).toEqual(['inner returned', 'outer task', 'inner task']);
  });

  it('keeps the name and the parameters of the method', () => {
    class Named {
      @UnitOfWork()
      add(first: number, second: number): number {
        return first + second;
      }
    }
    const called = Object.getOwnPropertyDescriptor(Named.prototype, 'add')!.value as () => number;

    expect([called.name, called.length]).toEqual(['add', 2]);
  });

  it('calls the method and nothing else of an instance that Nest did not construct', () => {
    const added: string[] = [];
    const tasks = { addTask: (_fn: unknown, name: string) => void added.push(name) };

    expect(new Work({ current: tasks as unknown as BackgroundTasks }).now()).toBe('result');
    expect(added).toEqual(['task']);
    expect(() => new Work(new BackgroundTasksRef()).now()).toThrow('BackgroundTasksRef.current');
  });

  it('has the BackgroundTasks that a test puts in place of ours, and still returns at once', async () => {
    const recorded = new RecordingBackgroundTasks();
    const work = await startOverridden((builder) => builder.overrideProvider(BackgroundTasks).useValue(recorded));

    expect(work.now()).toBe('result');

    recorded.assertAdded(note, 'task');
    expect(timeline.events).toEqual([]);
  });

  it('has a BackgroundTasks of its own where that of a test is request-scoped', async () => {
    const made: RecordingBackgroundTasks[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class Recording extends RecordingBackgroundTasks {
      constructor() {
        super();
        made.push(this);
      }
    }
    const work = await startOverridden((builder) => builder.overrideProvider(BackgroundTasks).useClass(Recording));
    gate = deferred();
    gate.resolve();

    expect([await work.later(), await work.later()]).toEqual(['result', 'result']);

    expect(made.map(({ added }) => added.length)).toEqual([1, 1]);
  });

  it('has the resource that a test puts in place of ours', async () => {
    const taken = deferred<unknown>();
    @Injectable({ scope: Scope.REQUEST })
    class Listener {
      constructor(private readonly current: Session) {}

      @OnEvent('paid')
      @UnitOfWork()
      paid(): void {
        taken.resolve(this.current);
      }
    }
    const fake = new Session();
    const module = await Test.createTestingModule({
      imports: [BackgroundTasksModule.forRoot(), EventEmitterModule.forRoot()],
      providers: [Listener, session],
    })
      .overrideProvider(Session)
      .useValue(fake)
      .compile();
    const app = await module.createNestApplication().init();
    onTestFinished(() => app.close());

    app.get(EventEmitter2).emit('paid');

    expect(await taken.promise).toBe(fake);
    await settled(app);
    expect(timeline.events).toEqual([]);
  });

  it('is waited for when the application closes', async () => {
    const { work, app } = await start();

    const result = work.later();
    const closed = app.close().then(() => note('closed'));
    gate.resolve();
    await result;
    await closed;

    expect(timeline.events).toEqual(['returned', 'task', 'closed']);
  });

  it('stops the start without BackgroundTasksModule, and names the module to register', async () => {
    @Injectable()
    class Marked {
      @UnitOfWork()
      run(): void {}
    }
    class Root {}

    const started = NestFactory.createApplicationContext(
      { module: Root, providers: [Marked] },
      { logger: false, abortOnError: false },
    );

    await expect(started).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
  });

  it('works in a module that is loaded lazily', async () => {
    const { app, idle } = await start();

    @Injectable()
    class Lazy {
      constructor(private readonly ref: BackgroundTasksRef) {}

      @UnitOfWork()
      run(): void {
        this.ref.current.addTask(note, 'lazy task');
      }
    }
    class LazyModule {}
    const loaded = await app.get(LazyModuleLoader).load(() => ({ module: LazyModule, providers: [Lazy] }));
    loaded.get(Lazy).run();
    await idle();

    expect(timeline.events).toEqual(['lazy task']);
  });

  async function startOverridden(override: (builder: TestingModuleBuilder) => TestingModuleBuilder): Promise<Work> {
    const metadata = { imports: [BackgroundTasksModule.forRoot()], providers: [Work, session] };
    const module = await override(Test.createTestingModule(metadata)).compile();
    const app = await module.createNestApplication().init();
    onTestFinished(() => app.close());
    return app.get(Work);
  }

  async function start() {
    gate = deferred();
    const { app, host } = await startContext({ providers: [Work, session] });
    return { app, work: app.get(Work), idle: () => host.onIdle() };
  }
});

describe.each(platforms)('B11 @UnitOfWork() called within a request on $name', (platform) => {
  it('joins the request, which waits for it', async () => {
    @Controller()
    class Caller {
      constructor(
        private readonly work: Work,
        private readonly ref: BackgroundTasksRef,
      ) {}

      @Get()
      get(): string {
        this.ref.current.addTask(note, 'request task');
        void this.work.later();
        return 'answered';
      }
    }
    gate = deferred();
    const { app, url } = await startApp(platform, { controllers: [Caller], providers: [Work] });

    await (await fetch(url)).text();
    note('answered');
    gate.resolve();
    await timeline.until('task');
    await app.get(BackgroundTasksHost).onIdle();

    expect(timeline.events).toEqual(['answered', 'returned', 'request task', 'task']);
  });

  it('is a unit of its own when the request is over', async () => {
    const late = deferred();
    const done = deferred<string>();
    @Controller()
    class Caller {
      constructor(private readonly work: Work) {}

      @Get()
      get(): string {
        void late.promise.then(() => done.resolve(this.work.now()));
        return 'answered';
      }
    }
    const { app, url } = await startApp(platform, { controllers: [Caller], providers: [Work] });

    await (await fetch(url)).text();
    await app.get(BackgroundTasksHost).onIdle();
    late.resolve();

    expect(await done.promise).toBe('result');
    await timeline.until('task');
  });
});

describe('B11 an Observable of @UnitOfWork() that was returned outside of any request', () => {
  it('is read within the request or unit that subscribes to it later', async () => {
    gate = deferred();
    const { app, scopes } = await startContext({ providers: [Work] });
    const stream = app.get(Work).cold(of(1));
    await app.get(CalledUnits).whenAnswered();

    await scopes.run(async () => {
      await lastValueFrom(stream);
      note('read');
    });

    expect(timeline.events).toEqual(['read', 'task of a subscription']);
  });
});

describe('B11 @UnitOfWork() with @nestjs/schedule', () => {
  it('runs the tasks of @Cron(), @Interval() and @Timeout(), above or below it', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    @Injectable()
    class Jobs {
      constructor(private readonly ref: BackgroundTasksRef) {}

      @Cron('0 0 1 1 *', { name: 'yearly' })
      @UnitOfWork()
      yearly(): void {
        this.ref.current.addTask(note, 'cron task');
      }

      @UnitOfWork()
      @Interval(1_000)
      async often(): Promise<void> {
        this.ref.current.addTask(note, 'interval task');
      }

      @UnitOfWork()
      @Timeout(1_000)
      once(): void {
        this.ref.current.addTask(note, 'timeout task');
      }
    }
    const { app } = await startContext({ imports: [ScheduleModule.forRoot()], providers: [Jobs] });

    await app.get(SchedulerRegistry).getCronJob('yearly').fireOnTick();
    await timeline.until('cron task');
    vi.advanceTimersByTime(1_000);
    await timeline.until('interval task');
    await timeline.until('timeout task');

    expect(timeline.events).toHaveLength(3);
  });
});

describe('B11 @UnitOfWork() with @nestjs/event-emitter', () => {
  it.each([false, true])('runs the tasks of a listener with async: %s', async (async) => {
    @Injectable()
    class Listener {
      constructor(private readonly ref: BackgroundTasksRef) {}

      @OnEvent('paid', { async })
      @UnitOfWork()
      paid(id: number): void {
        this.ref.current.addTask(note, `task of ${id}`);
      }
    }
    const { app } = await startContext({ imports: [EventEmitterModule.forRoot()], providers: [Listener] });

    app.get(EventEmitter2).emit('paid', 7);

    await timeline.until('task of 7');

    expect(timeline.events).toEqual(['task of 7']);
  });

  it('gives a request-scoped listener its tasks and resources, and releases them after its call', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Listener {
      constructor(
        private readonly tasks: BackgroundTasks,
        readonly current: Session,
      ) {}

      @OnEvent('paid')
      @UnitOfWork()
      async paid(id: number): Promise<void> {
        this.tasks.addTask(note, `task of ${id}`);
      }
    }
    const { app, host } = await startContext({
      imports: [EventEmitterModule.forRoot()],
      providers: [Listener, session],
    });

    app.get(EventEmitter2).emit('paid', 7);
    await timeline.until('released');
    await host.onIdle();

    expect(timeline.events).toEqual(['acquired', 'task of 7', 'released']);
  });

  it('releases what was acquired for a request-scoped listener that could not be built', async () => {
    const failing = provideResource({
      provide: 'failing',
      inject: [Session],
      async *useFactory(): AsyncGenerator<string, void, void> {
        throw new Error('no connection');
      },
    });
    @Injectable({ scope: Scope.REQUEST })
    class Listener {
      constructor(
        readonly tasks: BackgroundTasks,
        readonly current: Session,
        @Inject('failing') readonly connection: string,
      ) {}

      @OnEvent('paid')
      @UnitOfWork()
      paid(): void {}
    }
    const { app, host } = await startContext({
      imports: [EventEmitterModule.forRoot()],
      providers: [session, failing, Listener],
    });

    await expect(app.get(EventEmitter2).emitAsync('paid', 7)).rejects.toThrow('no connection');
    await timeline.until('released');
    await host.onIdle();

    expect(timeline.events).toEqual(['acquired', 'released']);
  });
});

describe('B11 @UnitOfWork() with @nestjs/cqrs', () => {
  class Pay {
    constructor(readonly id: number) {}
  }
  class Paid {
    constructor(readonly id: number) {}
  }
  class Balance {}

  @CommandHandler(Pay)
  class PayHandler {
    constructor(
      private readonly ref: BackgroundTasksRef,
      private readonly events: EventBus,
    ) {}

    @UnitOfWork()
    async execute({ id }: Pay): Promise<string> {
      this.ref.current.addTask(note, `command task ${id}`);
      this.events.publish(new Paid(id));
      return 'paid';
    }
  }

  @QueryHandler(Balance)
  class BalanceHandler {
    constructor(private readonly ref: BackgroundTasksRef) {}

    @UnitOfWork()
    async execute(): Promise<number> {
      this.ref.current.addTask(note, 'query task');
      return 42;
    }
  }

  @EventsHandler(Paid)
  class PaidHandler {
    constructor(private readonly ref: BackgroundTasksRef) {}

    @UnitOfWork()
    handle({ id }: Paid): void {
      this.ref.current.addTask(note, `event task ${id}`);
    }
  }

  class Book {}

  @CommandHandler(Book)
  class BookHandler {
    constructor(private readonly ref: BackgroundTasksRef) {}

    @UnitOfWork()
    async execute(): Promise<void> {
      this.ref.current.addTask(note, 'saga task');
    }
  }

  @Injectable()
  class Sagas {
    @Saga()
    paid = (events: Observable<IEvent>): Observable<ICommand> =>
      events.pipe(
        ofType(Paid),
        map(() => new Book()),
      );
  }

  it('runs the tasks of handlers of commands, queries and events, and of commands of sagas', async () => {
    const { app } = await startContext({
      imports: [CqrsModule.forRoot()],
      providers: [PayHandler, BalanceHandler, PaidHandler, BookHandler, Sagas],
    });
    await app.init();

    expect(await app.get(CommandBus).execute(new Pay(7))).toBe('paid');
    expect(await app.get(QueryBus).execute(new Balance())).toBe(42);

    await timeline.until('command task 7');
    await timeline.until('query task');
    await timeline.until('event task 7');
    await timeline.until('saga task');

    expect(timeline.events).toHaveLength(4);
  });
});

describe('B11 @UnitOfWork() with @nestjs/cqrs, where handlers throw', () => {
  class Pay {}
  class Paid {}
  class Book {}

  @CommandHandler(Pay)
  class PayHandler {
    constructor(
      private readonly ref: BackgroundTasksRef,
      private readonly events: EventBus,
    ) {}

    @UnitOfWork()
    async execute(): Promise<void> {
      addBoth(this.ref, 'command');
      this.events.publish(new Paid());
      throw new Error('no payment');
    }
  }

  @EventsHandler(Paid)
  class PaidHandler {
    constructor(private readonly ref: BackgroundTasksRef) {}

    @UnitOfWork()
    handle(): void {
      addBoth(this.ref, 'event');
      throw new Error('no event');
    }
  }

  @CommandHandler(Book)
  class BookHandler {
    constructor(private readonly ref: BackgroundTasksRef) {}

    @UnitOfWork()
    async execute(): Promise<void> {
      addBoth(this.ref, 'command of a saga');
      throw new Error('no booking');
    }
  }

  @Injectable()
  class Sagas {
    @Saga()
    paid = (events: Observable<IEvent>): Observable<ICommand> =>
      events.pipe(
        ofType(Paid),
        map(() => new Book()),
      );
  }

  it('runs the failure tasks of each, and leaves no unit behind', async () => {
    const { app, host } = await startContext({
      imports: [CqrsModule.forRoot()],
      providers: [PayHandler, PaidHandler, BookHandler, Sagas],
    });
    await app.init();

    // The saga and the event handler go on after an error.
    for (let round = 0; round < 2; round++) {
      await expect(app.get(CommandBus).execute(new Pay())).rejects.toThrow('no payment');
      await timeline.until('failure of command of a saga', round + 1);
      await host.onIdle();
    }

    expect(timeline.events.toSorted()).toEqual(
      ['command', 'command of a saga', 'event'].flatMap((what) => Array<string>(2).fill(`failure of ${what}`)),
    );
    expect(host.stats()).toMatchObject({ accepted: 12, succeeded: 6, discarded: 6 });
    expect(app.get(CalledUnits).size).toBe(0);
  });

  function addBoth({ current }: BackgroundTasksRef, what: string): void {
    current.addTask(note, `success of ${what}`);
    current.with({ runOn: 'failure' }).addTask(note, `failure of ${what}`);
  }
});

describe('the async context of requests', () => {
  it('is not needed where nothing looks for it', async () => {
    const { app } = await startContext();

    expect(app.get(RequestScopes).usesRef).toBe(false);
  });

  it('is needed where a class has a marked method and injects nothing', async () => {
    @Injectable()
    class Marked {
      @UnitOfWork()
      run(): void {}
    }
    const { app } = await startContext({ providers: [Marked] });

    expect(app.get(RequestScopes).usesRef).toBe(true);
  });
});
