import {
  type CanActivate,
  Controller,
  Get,
  Injectable,
  type OnApplicationShutdown,
  type Provider,
  Scope,
  UseGuards,
} from '@nestjs/common';
import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksRef,
  currentTask,
  defineTask,
  TaskHandler,
  TaskScopes,
} from '../../src/index.js';
import { type Advice, failureOf, follow, inHandler, works } from '../support/advice.js';
import { deferred } from '../support/deferred.js';
import { MemoryBackend } from '../support/memory-backend.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';

class Mailer {
  readonly sent: string[] = [];
  readonly send = this.sendTo.bind(this);

  sendTo(address: string) {
    this.sent.push(address);
  }
}

@Injectable()
class Audit {
  readonly written: string[] = [];

  constructor(private readonly ref: BackgroundTasksRef) {}

  write(entry: string) {
    this.ref.current.addTask(() => this.written.push(entry));
  }
}

@Injectable({ scope: Scope.REQUEST })
class Orders {
  constructor(readonly tasks: BackgroundTasks) {}
}

const Report = defineTask<string>({ name: 'report' });
@TaskHandler(Report)
class ReportHandler {
  run() {}
}

/** Tasks that are refused, or that cannot find their request. */
const advice: readonly Advice<Platform>[] = [
  {
    code: 'NOT_A_FUNCTION',
    fix: 'Pass the function itself, addTask(send, id), not the result of calling it, addTask(send(id))',
    apply: async (isFixed, platform) => {
      const { sent, send } = new Mailer();
      await inHandler(platform, (tasks) =>
        isFixed ? tasks.addTask(send, 'ada') : tasks.addTask(send('ada') as never),
      );
      expect(sent).toEqual(['ada']);
    },
  },
  {
    code: 'NOT_A_FUNCTION',
    fix: "for a method pass the object and its name, addTask(mailer, 'send', id)",
    apply: async (isFixed, platform) => {
      const mailer = new Mailer();
      await inHandler(platform, (tasks) =>
        isFixed ? tasks.addTask(mailer, 'sendTo', 'ada') : tasks.addTask(mailer as never),
      );
      expect(mailer.sent).toEqual(['ada']);
    },
  },
  {
    code: 'UNKNOWN_METHOD',
    fix: 'Check the spelling',
    apply: async (isFixed, platform) => {
      const mailer = new Mailer();
      await inHandler(platform, (tasks) => tasks.addTask(mailer, (isFixed ? 'sendTo' : 'snedTo') as 'sendTo', 'ada'));
      expect(mailer.sent).toEqual(['ada']);
    },
  },
  {
    code: 'UNKNOWN_METHOD',
    fix: 'that the member is a method rather than a value',
    apply: (isFixed, platform) =>
      inHandler(platform, (tasks) => tasks.addTask(new Mailer(), (isFixed ? 'sendTo' : 'sent') as 'sendTo', 'ada')),
  },
  {
    code: 'OUTSIDE_SCOPE',
    fix: 'Wrap work that is no request in TaskScopes.run()',
    apply: async (isFixed) => {
      const { app, scopes } = await startContext({ providers: [Audit] });
      const audit = app.get(Audit);
      await (isFixed ? scopes.run(() => audit.write('nightly')) : audit.write('nightly'));
      expect(audit.written).toEqual(['nightly']);
    },
  },
  {
    code: 'OUTSIDE_SCOPE',
    fix: 'let a class that is built at start-up inject BackgroundTasksRef (moduleRef.get() is not enough)',
    apply: async (isFixed, platform) => {
      const ran: string[] = [];
      const add = (moduleRef: ModuleRef) =>
        moduleRef.get(BackgroundTasksRef, { strict: false }).current.addTask(() => ran.push('guard'));
      await guardedBy(platform, add, isFixed ? [Audit] : []);
      expect(ran).toEqual(['guard']);
    },
  },
  {
    code: 'OUTSIDE_SCOPE',
    fix: 'read its current tasks before you wait for an event of another connection',
    apply: async (isFixed, platform) => {
      const messages = new EventEmitter();
      const ran: string[] = [];
      const add = (tasks: BackgroundTasks) => tasks.addTask(() => ran.push('received'));
      const handling = inHandler(
        platform,
        async (_tasks, { app }) => {
          const ref = app.get(BackgroundTasksRef);
          const tasks = isFixed ? ref.current : undefined;
          const received = new Promise<void>((resolve, reject) => {
            messages.once('message', () => {
              try {
                add(tasks ?? ref.current);
                resolve();
              } catch (error) {
                reject(error);
              }
            });
          });
          messages.emit('waiting');
          await received;
        },
        { providers: [Audit] },
      );
      await once(messages, 'waiting');
      messages.emit('message');
      await handling;
      expect(ran).toEqual(['received']);
    },
  },
  {
    code: 'OUTSIDE_SCOPE',
    fix: 'call TaskScopes.run() and resolve the class with the resolve() of its scope',
    apply: async (isFixed) => {
      const { app, scopes } = await startContext({ providers: [Orders] });
      const moduleRef = app.get(ModuleRef);
      await scopes.run(async ({ resolve }) => {
        const orders = await (isFixed ? resolve(Orders) : moduleRef.resolve(Orders, undefined, { strict: false }));
        orders.tasks.addTask(() => undefined);
      });
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ succeeded: 1 });
    },
  },
  {
    code: 'OUTSIDE_SCOPE',
    fix: 'with a context id for which moduleRef.registerRequestByContextId() was given the request',
    apply: async (isFixed, platform) => {
      const { app } = await inHandler(
        platform,
        async (_tasks, running, request) => {
          const moduleRef = running.app.get(ModuleRef);
          const contextId = ContextIdFactory.create();
          if (isFixed) moduleRef.registerRequestByContextId(request, contextId);
          const orders = await moduleRef.resolve(Orders, contextId, { strict: false });
          orders.tasks.addTask(() => undefined);
        },
        { providers: [Orders] },
      );
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ succeeded: 1 });
    },
  },
  {
    code: 'OUTSIDE_TASK',
    fix: 'Call it in the function given to addTask(), or in what that function calls',
    apply: (isFixed, platform) =>
      inHandler(platform, (tasks) => (isFixed ? tasks.addTask(() => currentTask().id) : currentTask().id)),
  },
  {
    code: 'SCOPE_CLOSED',
    fix: 'Await the work in the handler so that it adds its tasks in time',
    apply: (isFixed, platform) => lateWork(platform, (work) => (isFixed ? work : undefined)),
  },
  {
    code: 'SCOPE_CLOSED',
    fix: 'start a unit of work of its own with TaskScopes.run()',
    apply: (isFixed, platform) => lateWork(platform, () => undefined, isFixed),
  },
  {
    code: 'SHUTTING_DOWN',
    fix: 'Start no new work once BackgroundTasksHost.isDraining is true',
    apply: async (isFixed) => {
      const { app, scopes, host } = await startContext();
      await app.close();
      if (isFixed && host.isDraining) return;
      await scopes.run(() => undefined);
    },
  },
  {
    code: 'SHUTTING_DOWN',
    fix: 'in a shutdown hook, call the function itself',
    apply: async (isFixed) => {
      const flushed: string[] = [];
      let failure: unknown;
      @Injectable()
      class Buffered implements OnApplicationShutdown {
        constructor(private readonly scopes: TaskScopes) {}

        async onApplicationShutdown() {
          const flush = () => flushed.push('flushed');
          if (isFixed) flush();
          else await this.scopes.run(({ tasks }) => tasks.addTask(flush)).catch((error: unknown) => (failure = error));
        }
      }
      const { app } = await startContext({ providers: [Buffered] });
      await app.close();
      if (failure !== undefined) throw failure as Error;
      expect(flushed).toEqual(['flushed']);
    },
  },
  {
    code: 'QUEUE_FULL',
    fix: 'Raise maxPending if memory allows',
    apply: (isFixed, platform) => inHandler(platform, addTwo, { options: { maxPending: isFixed ? 2 : 1 } }),
  },
  {
    code: 'QUEUE_FULL',
    fix: "set overflow: 'wait' to hold responses until there is room",
    apply: (isFixed, platform) => {
      const options = { maxPending: 1, maxRunning: 1, overflow: isFixed ? 'wait' : 'reject' } as const;
      return inHandler(
        platform,
        async (tasks, { app }) => {
          const gate = deferred();
          const scopes = app.get(TaskScopes);
          try {
            // One runs, and one waits.
            await beginUnit(scopes, (unit) => unit.addTask(() => gate.promise));
            await beginUnit(scopes, (unit) => unit.addTask(() => undefined));
            tasks.addTask(() => undefined);
          } finally {
            gate.resolve();
          }
        },
        { options },
      );
    },
  },
  {
    code: 'QUEUE_FULL',
    fix: 'enqueue named tasks on a backend, which do not wait here',
    apply: async (isFixed, platform) => {
      const backend = new MemoryBackend();
      await inHandler(
        platform,
        async (_tasks, { app }) => {
          const gate = deferred();
          try {
            for (let units = 0; units < 3; units++) {
              await beginUnit(app.get(TaskScopes), (tasks) => {
                if (isFixed) tasks.enqueue(Report, 'monthly');
                else tasks.addTask(() => gate.promise);
              });
            }
          } finally {
            gate.resolve();
          }
        },
        { providers: [ReportHandler], options: { maxPending: 1, maxRunning: 1, backend } },
      );
      expect(backend.names).toEqual([['report'], ['report'], ['report']]);
    },
  },
  {
    code: 'TASK_CHAIN_TOO_LONG',
    fix: 'Loop inside one task',
    apply: async (isFixed, platform) => {
      let rounds = 0;
      let failure: unknown;
      await inHandler(platform, (tasks) => {
        const loop = () => {
          while (rounds < 1_001) rounds++;
        };
        const chain = () => {
          if (++rounds === 1_001) return;
          try {
            tasks.addTask(chain);
          } catch (error) {
            failure = error;
          }
        };
        tasks.addTask(isFixed ? loop : chain);
      });
      if (failure !== undefined) throw failure as Error;
      expect(rounds).toBe(1_001);
    },
  },
  {
    code: 'TASK_CHAIN_TOO_LONG',
    fix: 'use a scheduler for work that repeats',
    apply: async (isFixed) => {
      const { scopes } = await startContext();
      let rounds = 0;
      let failure: unknown;
      const repeat = (tasks: BackgroundTasks): void => {
        try {
          tasks.addTask(() => {
            if (++rounds < 1_001 && !isFixed) repeat(tasks);
          });
        } catch (error) {
          failure = error;
        }
      };
      // What a scheduler does at each of its times.
      for (let times = isFixed ? 1_001 : 1; times > 0; times--) await scopes.run(({ tasks }) => repeat(tasks));
      if (failure !== undefined) throw failure as Error;
      expect(rounds).toBe(1_001);
    },
  },
];

describe.each(platforms)('what an error about a task advises works on $name:', (platform) => {
  it.each(advice)('$code: $fix', async (one) => {
    expect(await follow(one, platform)).toEqual(works(one));
  });
});

describe.each(platforms)("QUEUE_FULL on $name, where overflow: 'wait' is set already", (platform) => {
  it('does not advise it', async () => {
    const adding = inHandler(platform, addTwo, { options: { maxPending: 1, overflow: 'wait' } });

    await expect(adding).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await expect(adding).rejects.not.toThrow('overflow');
  });
});

function addTwo(tasks: BackgroundTasks): void {
  for (let count = 0; count < 2; count++) tasks.addTask(() => undefined);
}

/** Begins a unit of work. Resolves when it has added its tasks, and the first of them runs if it can. */
function beginUnit(scopes: TaskScopes, add: (tasks: BackgroundTasks) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const work = ({ tasks }: { readonly tasks: BackgroundTasks }) => void add(tasks);
    scopes.run(work).catch(reject);
    setImmediate(resolve);
  });
}

/** A request whose guard does the work. Guards run before interceptors, so an interceptor could not help it. */
async function guardedBy(platform: Platform, work: (moduleRef: ModuleRef) => unknown, providers: Provider[]) {
  let failure: unknown;
  @Injectable()
  class WorkGuard implements CanActivate {
    constructor(private readonly moduleRef: ModuleRef) {}

    async canActivate() {
      failure = await failureOf(() => work(this.moduleRef));
      return true;
    }
  }
  @Controller()
  @UseGuards(WorkGuard)
  class GuardedController {
    @Get()
    get() {
      return 'done';
    }
  }
  const { app, url } = await startApp(platform, { controllers: [GuardedController], providers });
  await (await fetch(url)).text();
  await app.get(BackgroundTasksHost).onIdle();
  if (failure !== undefined) throw failure as Error;
}

/** A handler that begins work which goes on after the response unless it is awaited. */
async function lateWork(platform: Platform, awaited: (work: Promise<void>) => unknown, inUnit = false) {
  const gate = deferred();
  const ran: string[] = [];
  let work: Promise<void> | undefined;
  const { app } = await inHandler(platform, (tasks, running) => {
    const add = (queue: BackgroundTasks) => void queue.addTask(() => ran.push('late'));
    work = gate.promise.then(() => (inUnit ? running.app.get(TaskScopes).run((unit) => add(unit.tasks)) : add(tasks)));
    // The test observes it again when the request is over.
    work.catch(() => undefined);
    const waited = awaited(work);
    if (waited) gate.resolve();
    return waited;
  });
  gate.resolve();
  await work;
  await app.get(BackgroundTasksHost).onIdle();
  expect(ran).toEqual(['late']);
}
