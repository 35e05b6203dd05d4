import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  Inject,
  Injectable,
  Module,
  Scope,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksRef, provideResource, Resource, Tasks, TaskScopes } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { type Advice, follow, works } from '../support/advice.js';
import { type AppSettings, type Platform, platforms, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';
import { applyTenants } from '../support/tenants.js';

class Session {
  id = 'A-1';
}

const advice: readonly Advice<Platform>[] = [
  {
    code: 'UNKNOWN_RESOURCE',
    fix: 'Provide the token with provideResource({ provide: Session, … }) in the module of the controller',
    apply: (isFixed, platform) =>
      get(platform, { controllers: [SessionController], providers: isFixed ? [lasting()] : [] }),
  },
  {
    code: 'UNKNOWN_RESOURCE',
    fix: 'or in a module that it imports and that exports the token',
    apply: (isFixed, platform) => {
      @Module({ providers: [lasting()], exports: isFixed ? [Session] : [] })
      class DatabaseModule {}
      return get(platform, { controllers: [SessionController], imports: [DatabaseModule] });
    },
  },
  {
    code: 'RESOURCE_YIELDED_NOTHING',
    fix: 'Yield the value once: what stands before the yield acquires it, what stands after releases it',
    apply: (isFixed, platform) =>
      get(platform, { controllers: [SessionController], providers: [yielding(isFixed ? 1 : 0)] }),
  },
  {
    code: 'RESOURCE_YIELDED_TWICE',
    fix: 'Yield the value once',
    apply: (isFixed, platform) =>
      get(platform, { controllers: [SessionController], providers: [yielding(isFixed ? 1 : 2)] }),
  },
  {
    code: 'RESOURCE_YIELDED_TWICE',
    fix: 'a catch block must rethrow or return, not yield again',
    apply: async (isFixed, platform) => {
      const catching = provideResource({
        provide: Session,
        release: 'before-response',
        async *useFactory() {
          try {
            yield new Session();
          } catch (error) {
            if (isFixed) throw error;
            yield new Session();
          }
        },
      });
      @Controller()
      class FailingController {
        @Get()
        fail(@Resource(Session) session: Session): never {
          throw new Error(session.id);
        }
      }
      const failing = get(platform, { controllers: [FailingController], providers: [catching] });
      if (!isFixed) return failing;
      // Rethrown, it is the error of the handler.
      await expect(failing).rejects.toThrow('A-1');
    },
  },
  {
    code: 'RESOURCE_RELEASE_ORDER',
    fix: "Give Session release: 'after-tasks'",
    apply: (isFixed) => startContext({ providers: [isFixed ? lasting() : early(), overSession('after-tasks')] }),
  },
  {
    code: 'RESOURCE_RELEASE_ORDER',
    fix: "or Outer release: 'before-response'",
    apply: (isFixed) =>
      startContext({ providers: [early(), overSession(isFixed ? 'before-response' : 'after-tasks')] }),
  },
  {
    code: 'RESOURCE_RELEASED_EARLY',
    fix: 'Give the task what it needs from the resource, such as an id',
    apply: (isFixed, platform) => {
      @Controller()
      class SavingController {
        @Get()
        save(@Resource(Session) session: Session, @Tasks() tasks: BackgroundTasks) {
          tasks.addTask((given: unknown) => given, isFixed ? session.id : session);
        }
      }
      return get(platform, { controllers: [SavingController], providers: [early()] });
    },
  },
  {
    code: 'RESOURCE_RELEASED_EARLY',
    fix: "give the resource release: 'after-tasks'",
    apply: (isFixed, platform) => {
      @Controller()
      class SavingController {
        @Get()
        save(@Resource(Session) session: Session, @Tasks() tasks: BackgroundTasks) {
          tasks.addTask((given: unknown) => given, session);
        }
      }
      return get(platform, { controllers: [SavingController], providers: [isFixed ? lasting() : early()] });
    },
  },
  {
    code: 'RESOURCE_CIRCLE',
    fix: 'Move what both ends need into a third provider that neither of them provides',
    apply: (isFixed) => {
      const third = provideResource({ provide: 'third', useFactory: emptyResource });
      const first = provideResource({
        provide: 'first',
        inject: [isFixed ? 'third' : 'second'],
        useFactory: emptyResource,
      });
      const second = provideResource({
        provide: 'second',
        inject: [isFixed ? 'third' : 'first'],
        useFactory: emptyResource,
      });
      return startContext({ providers: [first, second, third] });
    },
  },
  {
    code: 'DURABLE_DEPENDENCY',
    fix: 'In place of BackgroundTasks inject BackgroundTasksRef',
    apply: async (isFixed, platform) => {
      const ran: string[] = [];
      @Injectable({ scope: Scope.REQUEST, durable: true })
      class TenantAudit {
        constructor(
          @Inject(isFixed ? BackgroundTasksRef : BackgroundTasks) readonly tasks: BackgroundTasks | BackgroundTasksRef,
        ) {}
      }
      @Controller()
      class AuditController {
        constructor(private readonly audit: TenantAudit) {}

        @Get()
        write() {
          const { tasks } = this.audit;
          ('current' in tasks ? tasks.current : tasks).addTask(() => ran.push('written'));
        }
      }
      applyTenants();
      await get(platform, { controllers: [AuditController], providers: [TenantAudit] });
      expect(ran).toEqual(['written']);
    },
  },
  {
    code: 'DURABLE_DEPENDENCY',
    fix: 'Anything else give to the method that uses it, as an argument',
    apply: (isFixed, platform) => {
      @Injectable({ scope: Scope.REQUEST, durable: true })
      class TenantAudit {
        constructor(@Inject(isFixed ? 'nothing' : Session) private readonly injected: Session | undefined) {}

        write(session = this.injected) {
          return session!.id;
        }
      }
      @Controller()
      class AuditController {
        constructor(private readonly audit: TenantAudit) {}

        @Get()
        write(@Resource(Session) session: Session) {
          return isFixed ? this.audit.write(session) : this.audit.write();
        }
      }
      applyTenants();
      const nothing = { provide: 'nothing', useValue: undefined };
      return get(platform, { controllers: [AuditController], providers: [TenantAudit, lasting(), nothing] });
    },
  },
  {
    code: 'DURABLE_DEPENDENCY',
    fix: 'Or leave out durable: true',
    apply: async (isFixed) => {
      @Injectable({ scope: Scope.REQUEST, durable: !isFixed })
      class TenantAudit {
        constructor(@Inject(BackgroundTasks) readonly tasks: BackgroundTasks) {}
      }
      const { app } = await startContext({ providers: [TenantAudit] });
      await app.get(TaskScopes).run(async ({ resolve }) => (await resolve(TenantAudit)).tasks.addTask(() => undefined));
    },
  },
  {
    code: 'DISPOSE_TIMEOUT',
    fix: 'Bound what it waits on',
    apply: (isFixed, platform) =>
      get(platform, {
        controllers: [SessionController],
        providers: [releasing(() => (isFixed ? Promise.race([never(), Promise.resolve()]) : never()))],
        options: { disposeTimeoutMs: 50 },
      }),
  },
  {
    code: 'DISPOSE_TIMEOUT',
    fix: 'raise disposeTimeoutMs',
    apply: (isFixed, platform) =>
      get(platform, {
        controllers: [SessionController],
        providers: [releasing(() => new Promise((resolve) => setTimeout(resolve, 5)))],
        options: { disposeTimeoutMs: isFixed ? 5_000 : 0 },
      }),
  },
];

describe.each(platforms)('what an error about a resource advises works on $name:', (platform) => {
  it.each(advice)('$code: $fix', async (one) => {
    expect(await follow(one, platform)).toEqual(works(one));
  });
});

@Controller()
class SessionController {
  @Get()
  find(@Resource(Session) session: Session) {
    return session.id;
  }
}

/** Sends one request and waits for its disposal. Rejects with the error that stops the start, or that filters get. */
async function get(platform: Platform, settings: AppSettings): Promise<void> {
  const failures: unknown[] = [];
  @Catch()
  class RecordingFilter implements ExceptionFilter {
    constructor(private readonly adapterHost: HttpAdapterHost) {}

    catch(error: unknown, host: ArgumentsHost) {
      failures.push(error);
      this.adapterHost.httpAdapter.reply(host.switchToHttp().getResponse(), 'failed', 500);
    }
  }
  const filter = { provide: APP_FILTER, useClass: RecordingFilter };
  const { app, url } = await startApp(platform, { ...settings, providers: [filter, ...(settings.providers ?? [])] });
  await (await fetch(url, { headers: { 'x-tenant': 'acme' } })).text();
  await settled(app);
  if (failures.length > 0) throw failures[0] as Error;
}

function lasting() {
  return provideResource({ provide: Session, useFactory: () => new Session(), dispose: () => undefined });
}

function early() {
  return releasing(() => Promise.resolve());
}

/** A resource whose exit is awaited before the response. */
function releasing(dispose: () => Promise<void>) {
  return provideResource({ provide: Session, release: 'before-response', useFactory: () => new Session(), dispose });
}

function yielding(times: number) {
  return provideResource({
    provide: Session,
    release: 'before-response',
    *useFactory() {
      for (let count = 0; count < times; count++) yield new Session();
    },
  });
}

function overSession(release: 'before-response' | 'after-tasks') {
  return provideResource({ provide: 'Outer', inject: [Session], release, useFactory: emptyResource });
}

function* emptyResource() {
  yield 'value';
}

function never(): Promise<void> {
  return new Promise(() => undefined);
}
