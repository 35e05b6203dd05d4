import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  Catch,
  type INestApplicationContext,
  Inject,
  Injectable,
  type ModuleMetadata,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
  Scope,
  type Type,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { ModuleRef, REQUEST } from '@nestjs/core';
import type { TestingModuleBuilder } from '@nestjs/testing';
import { asyncScheduler, concat, defer, observeOn, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { EnqueuedTask } from '../../src/backend/index.js';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksInterceptor,
  BackgroundTasksRef,
  defineTask,
  type Handles,
  provideResource,
  Resource,
  TaskHandler,
  Tasks,
  type ObservedScope,
  type TaskEventName,
  TaskObservers,
} from '../../src/index.js';
import { RequestScopes } from '../../src/scope/request-scopes.js';
import { CalledUnits } from '../../src/scope/called-units.js';
import { RecordingBackgroundTasks, settled } from '../../src/testing/index.js';
import { type Deferred, deferred } from './deferred.js';
import { MemoryBackend, memoryBackendModule } from './memory-backend.js';
import { recordedResource } from './recorded-resource.js';
import { RecordedEvents } from './recorded-events.js';
import type { RecordedLogs } from './recorded-logs.js';
import { applyTenants, TenantPool } from './tenants.js';
import { Timeline, useTimeline } from './timeline.js';

/** A way for messages to reach an application. */
export interface Transport {
  readonly name: string;
  /** The scope of the message "handle", as events show it. */
  readonly observedAs: Pick<ObservedScope, 'kind' | 'description'>;
  /** Makes a class one that handles messages. */
  handlers(): ClassDecorator;
  /** Makes a method the handler of a message. */
  message(name: string): MethodDecorator;
  /** Makes a parameter the data of the message. */
  data(...pipes: readonly PipeTransform[]): ParameterDecorator;
  /** Starts an application with this class, and a client. */
  start(handlers: Type, settings: TransportSettings): Promise<Running>;
  /** Answers an error, for an exception filter. */
  readonly answer: (error: Error, host: ArgumentsHost) => unknown;
  /** Whether an instance of a request-scoped class belongs to a message. */
  readonly hasScopeOfMessage: boolean;
  /** Whether a handler may answer several times. */
  readonly answersSeveralTimes: boolean;
  /** Whether `'before-response'` resources exit before the exception filters answer. */
  readonly filtersComeLast: boolean;
  /** Whether the application notices that a client has left. */
  readonly knowsPeers: boolean;
  /** The tenant of a message, of which a strategy for durable providers is given the value of `REQUEST`. */
  tenantOf(origin: object): string;
  /** The tenants of the messages `a` and `b`. */
  readonly tenants: readonly string[];
}

export interface TransportSettings extends ModuleMetadata {
  /** Changes the testing module before it is compiled. */
  readonly override?: (builder: TestingModuleBuilder) => TestingModuleBuilder;
}

export interface Running {
  readonly app: INestApplicationContext;
  readonly logs: RecordedLogs;
  /** Sends a message. Resolves with that many answers, or rejects with the error that was answered. */
  send(name: string, data: unknown, answers?: number): Promise<unknown[]>;
  /** Sends a message that the client does not stay for. */
  drop(name: string, data: unknown, begun: Promise<unknown>): Promise<void>;
}

const DB = 'db';

/** The events of a message with a task and a resource, which may come in either order. */
const WHOLE_LIFE: readonly TaskEventName[] = [
  'scopeOpened',
  'resourceAcquired',
  'taskAccepted',
  'handlerEnded',
  'responseClosed',
  'taskStarted',
  'taskSettled',
  'resourceReleased',
  'scopeClosed',
];
const context = new AsyncLocalStorage<string>();

/** The ways to bind the interceptor. */
const bound = [
  { what: 'a class', interceptor: BackgroundTasksInterceptor },
  { what: 'an instance', interceptor: new BackgroundTasksInterceptor() },
];

/** What holds for messages, however they arrive. */
export function describeTransport(transport: Transport): void {
  describe(`B11 a message over ${transport.name}`, () => {
    const timeline = useTimeline();

    it('runs its tasks in order, once its answer has been sent', async () => {
      const gate = deferred();
      class Handlers {
        async handle(data: string, tasks: BackgroundTasks) {
          tasks.addTask(async () => {
            await gate.promise;
            timeline.note('first');
          });
          tasks.addTask(() => timeline.note('second'));
          return `answer to ${data}`;
        }
      }
      const running = await start(Handlers, Tasks());

      expect(await running.send('handle', 'one')).toEqual(['answer to one']);
      expect(timeline.events).toEqual([]);
      gate.resolve();
      await settled(running.app);

      expect(timeline.events).toEqual(['first', 'second']);
    });

    it('tells observers of its whole life', async () => {
      class Handlers {
        handle(_data: string, tasks: BackgroundTasks, _db: unknown) {
          tasks.addTask(() => undefined);
          return 'answer';
        }
      }
      const running = await start(Handlers, Tasks(), Resource(DB));
      const events = new RecordedEvents();
      running.app.get(TaskObservers).add(events.observer);

      await running.send('handle', 'x');
      await events.until('scopeClosed');

      expect(events.names.toSorted()).toEqual(WHOLE_LIFE.toSorted());
      expect(events.names.slice(-5)).toEqual(WHOLE_LIFE.slice(-5));
      expect(events.of('responseClosed')).toMatchObject([{ aborted: false, scope: transport.observedAs }]);
    });

    it('keeps the tasks and resources of two messages in flight apart', async () => {
      const gates: Record<string, Deferred> = { a: deferred(), b: deferred() };
      const resources = new Map<string, unknown>();
      class Handlers {
        async handle(data: string, tasks: BackgroundTasks, db: unknown) {
          resources.set(data, db);
          tasks.addTask(() => timeline.note(`task of ${data}`));
          timeline.note(`began ${data}`);
          await gates[data]!.promise;
          return data;
        }
      }
      const running = await start(Handlers, Tasks(), Resource(DB));
      const a = running.send('handle', 'a');
      const b = running.send('handle', 'b');
      await timeline.until('began a');
      await timeline.until('began b');
      expect(resources.get('a')).not.toBe(resources.get('b'));

      gates.b!.resolve();
      await b;
      await timeline.until('db released');

      expect(timeline.events).toContain('task of b');
      expect(timeline.events).not.toContain('task of a');
      gates.a!.resolve();
      await a;
      await settled(running.app);
      expect(timeline.count('db released')).toBe(2);
    });

    it('leads to its tasks by @Tasks() and BackgroundTasksRef', async () => {
      class Handlers {
        ref!: BackgroundTasksRef;
        async handle(_data: string, tasks: BackgroundTasks) {
          return this.ref.current === tasks;
        }
      }
      Inject(BackgroundTasksRef)(Handlers.prototype, 'ref');
      const running = await start(Handlers, Tasks());

      expect(await running.send('handle', 'x')).toEqual([true]);
    });

    it.each(bound)(
      'leads to its tasks by a reference that nothing injects, behind BackgroundTasksInterceptor as $what',
      async ({ interceptor }) => {
        class Handlers {
          moduleRef!: ModuleRef;
          async handle(data: string) {
            const { current } = this.moduleRef.get(BackgroundTasksRef, { strict: false });
            current.addTask(timeline.note, `task of ${data}`);
            return data;
          }
        }
        Inject(ModuleRef)(Handlers.prototype, 'moduleRef');
        UseInterceptors(interceptor)(Handlers);
        const running = await start(Handlers);

        expect(await running.send('handle', 'x')).toEqual(['x']);
        await settled(running.app);

        expect(timeline.events).toEqual(['task of x']);
        expectNothingLeft(running);
      },
    );

    it('leads a handler behind an interceptor, and the interceptor, to its tasks and resources', async () => {
      @Injectable()
      class Intercepting implements NestInterceptor {
        constructor(private readonly ref: BackgroundTasksRef) {}

        intercept(_context: ExecutionContext, next: CallHandler) {
          this.ref.current.addTask(() => timeline.note('task of the interceptor'));
          return next.handle();
        }
      }
      Inject(BackgroundTasksRef)(Intercepting, undefined, 0);
      class Handlers {
        async handle(_data: string, tasks: BackgroundTasks, _db: unknown) {
          tasks.addTask(() => timeline.note('task of the handler'));
          return 'answer';
        }
      }
      UseInterceptors(Intercepting)(Handlers);
      const running = await start(Handlers, Tasks(), Resource(DB));

      expect(await running.send('handle', 'x')).toEqual(['answer']);
      await settled(running.app);

      expect(timeline.events).toEqual([
        'db opened',
        'task of the interceptor',
        'task of the handler',
        'db committed',
        'db released',
      ]);
      expectNothingLeft(running);
    });

    it.each(where(transport.hasScopeOfMessage))('leads to its tasks and resources by the constructor', async () => {
      @Injectable({ scope: Scope.REQUEST })
      class Session implements AsyncDisposable {
        async [Symbol.asyncDispose]() {
          timeline.note('session disposed');
        }
      }
      class Handlers {
        constructor(
          readonly tasks: BackgroundTasks,
          readonly session: Session,
          readonly db: unknown,
        ) {}

        async handle(data: string, tasks: BackgroundTasks, db: unknown) {
          tasks.addTask(() => timeline.note(`task of ${data}`));
          return [tasks === this.tasks, db === this.db];
        }
      }
      Inject(BackgroundTasks)(Handlers, undefined, 0);
      Inject(Session)(Handlers, undefined, 1);
      Inject(DB)(Handlers, undefined, 2);
      const running = await startWith(Handlers, [Tasks(), Resource(DB)], { providers: [Session, database()] });

      expect(await running.send('handle', 'x')).toEqual([[true, true]]);
      await settled(running.app);

      expect(timeline.events.slice(0, 2)).toEqual(['db opened', 'task of x']);
      expect(timeline.events.slice(2).sort()).toEqual(['db committed', 'db released', 'session disposed']);
    });

    it('throws the error of its handler into the resources, and discards the tasks', async () => {
      class Handlers {
        async handle(_data: string, tasks: BackgroundTasks, _db: unknown) {
          tasks.addTask(() => timeline.note('task'));
          throw new Error('broken');
        }
      }
      const running = await start(Handlers, Tasks(), Resource(DB));

      await expect(running.send('handle', 'x')).rejects.toBeDefined();
      await settled(running.app);

      expect(timeline.events).toEqual(['db opened', 'db rolled back: broken', 'db released']);
    });

    it.each(where(transport.filtersComeLast))("answers with the error of a 'before-response' resource", async () => {
      class Handlers {
        async handle(_data: string, _db: unknown) {
          return 'fine';
        }
      }
      UseFilters(new RecordedFilter(timeline, transport.answer))(Handlers);
      const failing = recordedResource(timeline, {
        provide: DB,
        release: 'before-response',
        commit: () => {
          throw new Error('no commit');
        },
      });
      const running = await startWith(Handlers, [Resource(DB)], { providers: [failing] });

      await expect(running.send('handle', 'x')).rejects.toBeDefined();
      await settled(running.app);

      expect(timeline.events).toContain('filter: no commit');
    });

    it.each(where(transport.filtersComeLast))("rolls a 'before-response' resource back first", async () => {
      class Handlers {
        async handle(_data: string, _db: unknown) {
          throw new Error('broken');
        }
      }
      UseFilters(new RecordedFilter(timeline, transport.answer))(Handlers);
      const running = await startWith(Handlers, [Resource(DB)], { providers: [database('before-response')] });

      await expect(running.send('handle', 'x')).rejects.toBeDefined();

      expect(timeline.events).toEqual(['db opened', 'db rolled back: broken', 'db released', 'filter: broken']);
    });

    it.each(where(transport.answersSeveralTimes))('runs its tasks when the last answer has been sent', async () => {
      class Handlers {
        handle(_data: string, tasks: BackgroundTasks) {
          tasks.addTask(() => timeline.note('task'));
          return concat(
            of(1),
            of(2).pipe(observeOn(asyncScheduler)),
            defer(() => {
              timeline.note('last');
              return of(3);
            }),
          );
        }
      }
      const running = await start(Handlers, Tasks());

      expect(await running.send('handle', 'x', 3)).toEqual([1, 2, 3]);
      await settled(running.app);

      expect(timeline.events).toEqual(['last', 'task']);
    });

    it('throws the error of a returned Observable into the resources', async () => {
      class Handlers {
        handle(_data: string, _db: unknown) {
          return concat(
            of(1).pipe(observeOn(asyncScheduler)),
            defer(() => {
              throw new Error('half way');
            }),
          );
        }
      }
      const running = await start(Handlers, Resource(DB));

      await expect(running.send('handle', 'x', 2)).rejects.toBeDefined();
      await settled(running.app);

      expect(timeline.events).toEqual(['db opened', 'db rolled back: half way', 'db released']);
    });

    it('ends when a guard denies, with the tasks of an earlier guard', async () => {
      class Handlers {
        async handle(_data: string) {
          timeline.note('handled');
        }
      }
      const guard: CanActivate = {
        canActivate() {
          throw new Error('denied');
        },
      };
      @Injectable()
      class Acquiring implements CanActivate {
        constructor(private readonly ref: BackgroundTasksRef) {}
        canActivate() {
          this.ref.current.with({ runOn: 'always' }).addTask(() => timeline.note('task'));
          return true;
        }
      }
      Inject(BackgroundTasksRef)(Acquiring, undefined, 0);
      UseGuards(Acquiring, guard)(Handlers);
      const running = await start(Handlers);

      await expect(running.send('handle', 'x')).rejects.toBeDefined();
      await settled(running.app);

      expect(timeline.events).toEqual(['task']);
      expectNothingLeft(running);
    });

    it('releases its resources when a pipe throws', async () => {
      const pipe: PipeTransform = {
        transform() {
          throw new Error('bad data');
        },
      };
      class Handlers {
        async handle(_db: unknown, _data: string) {
          timeline.note('handled');
        }
      }
      decorate(Handlers, [Resource(DB), transport.data(pipe)]);
      const running = await transport.start(Handlers, { providers: [database()] });

      await expect(running.send('handle', 'x')).rejects.toBeDefined();
      await settled(running.app);

      expect(timeline.events).toEqual(['db opened', 'db rolled back: bad data', 'db released']);
    });

    it('releases its resources when an exception filter throws', async () => {
      @Catch()
      class Thrower {
        catch() {
          timeline.note('filter');
          throw new Error('a broken filter');
        }
      }
      class Handlers {
        async handle(_data: string, _db: unknown) {
          throw new Error('broken');
        }
      }
      UseFilters(new Thrower())(Handlers);
      const running = await start(Handlers, Resource(DB));

      void running.send('handle', 'x').catch(() => undefined);
      await timeline.until('db released');
      await settled(running.app);

      expect(timeline.events).toEqual(['db opened', 'filter', 'db rolled back: broken', 'db released']);
      expectNothingLeft(running);
    });

    it.each(where(transport.knowsPeers))('is aborted when its client leaves, and still ends', async () => {
      const begun = deferred();
      const left = deferred();
      class Handlers {
        async handle(_data: string, tasks: BackgroundTasks, _db: unknown) {
          tasks.addTask(() => timeline.note('task'));
          tasks.with({ onAbort: 'skip' }).addTask(() => timeline.note('never'));
          begun.resolve();
          await left.promise;
          return 'nobody hears';
        }
      }
      const running = await start(Handlers, Tasks(), Resource(DB));
      await running.drop('handle', 'x', begun.promise);
      left.resolve();
      await timeline.until('db released');
      await settled(running.app);

      expect(timeline.events).toEqual(['db opened', 'task', 'db committed', 'db released']);
    });

    it('gives tasks the AsyncLocalStorage context in which they were added', async () => {
      class Handlers {
        async handle(data: string, tasks: BackgroundTasks) {
          context.run(data, () => tasks.addTask(() => timeline.note(`task in ${context.getStore()}`)));
        }
      }
      const running = await start(Handlers, Tasks());

      void running.send('handle', 'x').catch(() => undefined);
      await timeline.until('task in x');
      expect(timeline.events).toEqual(['task in x']);
    });

    it('is finished by a drain, with its tasks', async () => {
      const begun = deferred();
      const gate = deferred();
      class Handlers {
        async handle(_data: string, tasks: BackgroundTasks) {
          tasks.addTask(() => timeline.note('task'));
          begun.resolve();
          await gate.promise;
          return 'answered';
        }
      }
      const running = await start(Handlers, Tasks());
      const sent = running.send('handle', 'x');
      await begun.promise;

      const closed = running.app.close().then(() => timeline.note('closed'));
      gate.resolve();

      expect(await sent).toEqual(['answered']);
      await closed;
      expect(timeline.events).toEqual(['task', 'closed']);
    });

    it('hands its named tasks over before it is answered', async () => {
      const gate = deferred();
      const backend = new NotedBackend(timeline, gate.promise);
      class Handlers {
        async handle(data: string, tasks: BackgroundTasks) {
          tasks.enqueue(Greet, data);
          timeline.note('returned');
          return data;
        }
      }
      const running = await startWith(Handlers, [Tasks()], withBackend(backend));

      const sent = running.send('handle', 'x').then((answers) => (timeline.note('answered'), answers));
      await timeline.until('accepting 1');
      gate.resolve();

      expect(await sent).toEqual(['x']);
      expect(timeline.events).toEqual(['returned', 'accepting 1', 'accepted', 'answered']);
    });

    it('hands no named task over when its handler fails', async () => {
      const backend = new MemoryBackend();
      class Handlers {
        async handle(data: string, tasks: BackgroundTasks) {
          tasks.enqueue(Greet, data);
          timeline.note('enqueued');
          throw new Error('broken');
        }
      }
      const running = await startWith(Handlers, [Tasks()], withBackend(backend));

      await expect(running.send('handle', 'x')).rejects.toBeDefined();
      await settled(running.app);

      expect(timeline.events).toEqual(['enqueued']);
      expect(backend.batches).toEqual([]);
      expectNothingLeft(running);
    });

    it.each(where(transport.filtersComeLast))('is rolled back when its named tasks cannot be handed over', async () => {
      const backend = new MemoryBackend();
      class Handlers {
        async handle(data: string, tasks: BackgroundTasks, _db: unknown) {
          tasks.enqueue(Greet, data);
          backend.isReady = false;
          return data;
        }
      }
      UseFilters(new RecordedFilter(timeline, transport.answer))(Handlers);
      const running = await startWith(Handlers, [Tasks(), Resource(DB)], withBackend(backend, database()));

      await expect(running.send('handle', 'x')).rejects.toBeDefined();
      await settled(running.app, { throwOnFailure: false });

      expect(timeline.events[1]).toMatch(/^filter: .*the backend is down/);
      expect(timeline.events[2]).toMatch(/^db rolled back: /);
    });

    it('has the BackgroundTasks that a test puts in place of ours, in each way in', async () => {
      const recorded = new RecordingBackgroundTasks();
      class Handlers {
        ref!: BackgroundTasksRef;
        async handle(data: string, tasks: BackgroundTasks) {
          tasks.addTask(timeline.note, data);
          return this.ref.current === tasks;
        }
      }
      Inject(BackgroundTasksRef)(Handlers.prototype, 'ref');
      const running = await startWith(Handlers, [Tasks()], {
        override: (builder) => builder.overrideProvider(BackgroundTasks).useValue(recorded),
      });

      expect(await running.send('handle', 'x')).toEqual([true]);
      await settled(running.app);

      recorded.assertAdded(timeline.note, 'x');
      expect(timeline.events).toEqual([]);
    });

    it('has the resource that a test puts in place of ours', async () => {
      class Handlers {
        async handle(_data: string, db: unknown) {
          return db;
        }
      }
      const running = await startWith(Handlers, [Resource(DB)], {
        providers: [database()],
        override: (builder) => builder.overrideProvider(DB).useValue('a fake'),
      });

      expect(await running.send('handle', 'x')).toEqual(['a fake']);
      await settled(running.app);

      expect(timeline.events).toEqual([]);
    });

    it('belongs to its own application, of several in the process', async () => {
      const gate = deferred();
      const [first, second] = ['first', 'second'].map((app) => {
        class Handlers {
          async handle(data: string, tasks: BackgroundTasks, db: { readonly name: string }) {
            tasks.addTask(timeline.note, `${app} ran the task of ${data}`);
            timeline.note(`${app} handles ${data}`);
            await gate.promise;
            return `${app} with ${db.name}`;
          }
        }
        const settings = { providers: [recordedResource(new Timeline(), { provide: `db of ${app}` })] };
        return startWith(Handlers, [Tasks(), Resource(`db of ${app}`)], settings, app);
      }) as [Promise<Running>, Promise<Running>];
      const apps = [await first, await second] as const;
      const sent = [apps[0].send('first', 'x'), apps[1].send('second', 'y')];
      await timeline.until('first handles x');
      await timeline.until('second handles y');

      const counts = apps.map(({ app }) => app.get(BackgroundTasksHost).stats().accepted);
      gate.resolve();
      expect(await Promise.all(sent)).toEqual([['first with db of first'], ['second with db of second']]);
      await apps[0].app.close();
      expect(await apps[1].send('second', 'z')).toEqual(['second with db of second']);
      await settled(apps[1].app);

      expect(counts).toEqual([1, 1]);
      expect(apps.map(({ app }) => app.get(BackgroundTasksHost).stats().succeeded)).toEqual([1, 2]);
      expect(timeline.events).toContain('second ran the task of z');
    });

    it('shares the durable providers of its tenant, which outlive it', async () => {
      TenantPool.made.length = 0;
      applyTenants((origin) => transport.tenantOf(origin));
      const session = provideResource({
        provide: 'session',
        inject: [TenantPool],
        async *useFactory({ tenant }: TenantPool) {
          yield { tenant };
          timeline.note('session released');
        },
      });
      class Handlers {
        async handle(data: string, tasks: BackgroundTasks, { tenant }: { readonly tenant: string }) {
          tasks.addTask(timeline.note, `task of ${data}`);
          return tenant;
        }
      }
      const running = await startWith(Handlers, [Tasks(), Resource('session')], { providers: [TenantPool, session] });

      const answers = [];
      for (const data of ['a', 'b', 'a']) answers.push(...(await running.send('handle', data)));
      await settled(running.app);

      expect(new Set(answers)).toEqual(new Set(transport.tenants));
      expect(TenantPool.made.map(({ tenant }) => tenant)).toEqual(transport.tenants);
      expect(TenantPool.made.filter(({ isDisposed }) => isDisposed)).toEqual([]);
      expect(timeline.count('task of a')).toBe(2);
      expect(timeline.count('session released')).toBe(3);
      expectNothingLeft(running);
    });

    it.each(where(transport.hasScopeOfMessage))('has tasks of its own in the handlers of its tenant', async () => {
      TenantPool.made.length = 0;
      applyTenants((origin) => transport.tenantOf(origin));
      const seen: BackgroundTasks[] = [];
      const handlers = new Set<unknown>();
      class Handlers {
        constructor(readonly pool: TenantPool) {}

        async handle(data: string, tasks: BackgroundTasks, _db: unknown) {
          seen.push(tasks);
          handlers.add(this);
          tasks.addTask(timeline.note, `task of ${data}`);
          return this.pool.tenant;
        }
      }
      Inject(TenantPool)(Handlers, undefined, 0);
      const running = await startWith(Handlers, [Tasks(), Resource(DB)], { providers: [TenantPool, database()] });

      const answers = [];
      for (const data of ['a', 'b', 'a']) answers.push(...(await running.send('handle', data)));
      await settled(running.app);

      expect(new Set(answers)).toEqual(new Set(transport.tenants));
      expect([handlers.size, new Set(seen).size]).toEqual([transport.tenants.length, 3]);
      expect(TenantPool.made.map(({ tenant }) => tenant)).toEqual(transport.tenants);
      expect(TenantPool.made.filter(({ isDisposed }) => isDisposed)).toEqual([]);
      expect([timeline.count('task of a'), timeline.count('db released')]).toEqual([2, 3]);
    });

    it.each(where(transport.hasScopeOfMessage))(
      'has request-scoped handlers of its own, which it disposes of',
      async () => {
        class Handlers implements AsyncDisposable {
          data = '';
          async handle(data: string, tasks: BackgroundTasks) {
            const earlier = this.data;
            this.data = data;
            tasks.addTask(() => timeline.note(`task of ${this.data}`));
            return earlier;
          }

          async [Symbol.asyncDispose]() {
            timeline.note(`disposed ${this.data}`);
          }
        }
        Inject(REQUEST)(Handlers, undefined, 0);
        const running = await start(Handlers, Tasks());

        expect(await Promise.all([running.send('handle', 'a'), running.send('handle', 'b')])).toEqual([[''], ['']]);
        await settled(running.app);

        expect(timeline.events.filter((event) => event.endsWith('a'))).toEqual(['task of a', 'disposed a']);
        expect(timeline.events.filter((event) => event.endsWith('b'))).toEqual(['task of b', 'disposed b']);
      },
    );

    it('leaves no scope and no unit behind, 500 times, and accounts for each task', async () => {
      class Handlers {
        async handle(data: number, tasks: BackgroundTasks, _db: unknown) {
          tasks.addTask(() => {
            if (data % 7 === 0) throw new Error('each seventh');
          });
          tasks.with({ runOn: 'always' }).addTask(() => undefined);
          if (data % 10 === 0) throw new Error('each tenth');
          return data % 3 === 0 ? of(data).pipe(observeOn(asyncScheduler)) : data;
        }
      }
      const quiet = new Timeline();
      const running = await startWith(Handlers, [Tasks(), Resource(DB)], {
        providers: [recordedResource(quiet, { provide: DB })],
      });
      for (let begin = 0; begin < 500; begin += 100) {
        const batch = Array.from({ length: 100 }, (_, index) => running.send('handle', begin + index));
        await Promise.allSettled(batch);
      }
      await settled(running.app, { throwOnFailure: false });

      // 50 of the first tasks are discarded. Of the others, every seventh fails: 72 less the 8 that were discarded.
      expect(running.app.get(BackgroundTasksHost).stats()).toMatchObject({
        accepted: 1_000,
        discarded: 50,
        failed: 64,
        succeeded: 886,
      });
      expect(quiet.events.filter((event) => event.endsWith('released')).length).toBe(500);
      expectNothingLeft(running);
    });

    function database(release?: 'before-response') {
      return recordedResource(timeline, { provide: DB, ...(release && { release }) });
    }

    function start(handlers: Type, ...parameters: readonly ParameterDecorator[]): Promise<Running> {
      return startWith(handlers, parameters, { providers: [database()] });
    }

    function startWith(
      handlers: Type,
      parameters: readonly ParameterDecorator[],
      settings: TransportSettings,
      name?: string,
    ) {
      decorate(handlers, [transport.data(), ...parameters], name);
      return transport.start(handlers, settings);
    }

    function decorate({ prototype }: Type, parameters: readonly ParameterDecorator[], name = 'handle') {
      const target = prototype as { handle: unknown; constructor: Type };
      parameters.forEach((parameter, index) => parameter(target, 'handle', index));
      transport.message(name)(target, 'handle', Object.getOwnPropertyDescriptor(target, 'handle')!);
      transport.handlers()(target.constructor);
    }
  });
}

const Greet = defineTask<string>({ name: 'greet' });

@TaskHandler(Greet)
class GreetHandler implements Handles<typeof Greet> {
  run(): void {}
}

function withBackend(backend: MemoryBackend, ...providers: readonly Provider[]): TransportSettings {
  return { imports: [memoryBackendModule(backend)], providers: [GreetHandler, ...providers] };
}

/** A backend that notes when it is given tasks, and takes them when it may. */
class NotedBackend extends MemoryBackend {
  constructor(
    private readonly timeline: Timeline,
    mayAccept: Promise<void>,
  ) {
    super();
    this.gate = mayAccept;
  }

  override async accept(batch: readonly EnqueuedTask[]): Promise<void> {
    this.timeline.note(`accepting ${batch.length}`);
    await super.accept(batch);
    this.timeline.note('accepted');
  }
}

/** A filter that notes the error, and answers it as the transport does. */
@Catch()
class RecordedFilter {
  constructor(
    private readonly timeline: Timeline,
    private readonly answer: (error: Error, host: ArgumentsHost) => unknown,
  ) {}

  catch(error: Error, host: ArgumentsHost) {
    this.timeline.note(`filter: ${error.message}`);
    return this.answer(error, host);
  }
}

/** Whether all that a message opened is closed. */
export function expectNothingLeft({ app }: Pick<Running, 'app'>): void {
  expect(app.get(RequestScopes).open.size).toBe(0);
  expect(app.get(CalledUnits).size).toBe(0);
  expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ waiting: 0, running: 0 });
}

/** The table of a test that only some transports can have: one row, or none. */
function where(holds: boolean): [][] {
  return holds ? [[]] : [];
}
