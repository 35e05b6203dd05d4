import { Controller, Get, Injectable, Post, Scope, ForbiddenException, UseGuards } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, BackgroundTasksHost, BackgroundTasksRef, provideResource, Resource, Tasks } from '../../src/index.js';
import { platforms, startApp } from '../support/platforms.js';

const log: string[] = [];
@Injectable({ scope: Scope.REQUEST })
class Session {
  async [Symbol.asyncDispose]() {
    log.push('session disposed');
  }
}
@Injectable({ scope: Scope.REQUEST })
class Repo {
  constructor(readonly session: Session) {}
  onRequestDispose() {
    log.push('repo disposed');
  }
}
class Res {
  v = 1;
}
@Injectable()
class Audit {
  constructor(private readonly ref: BackgroundTasksRef) {}
  write() {
    this.ref.current.addTask(() => log.push('audit'));
  }
}
@Injectable()
class Deny {
  canActivate() {
    throw new ForbiddenException();
  }
}
@Controller('a')
class A {
  constructor(
    readonly tasks: BackgroundTasks,
    readonly repo: Repo,
    readonly audit: Audit,
  ) {}
  @Post()
  post() {
    this.tasks.addTask(() => log.push('task'));
    this.audit.write();
    return { ok: 1 };
  }
  @Get('deny')
  @UseGuards(Deny)
  deny() {}
}
@Controller('b')
class B {
  @Get()
  get(@Tasks() tasks: BackgroundTasks, @Resource(Res) res: Res) {
    tasks.addTask(() => log.push('b task ' + res.v));
    return {};
  }
  @Get('fail')
  fail(@Tasks() tasks: BackgroundTasks, @Resource(Res) res: Res) {
    tasks.addTask(() => log.push('never'));
    tasks.with({ runOn: 'always' }).addTask(() => log.push('always'));
    throw new ForbiddenException();
  }
}

describe.each(platforms)('$name', (platform) => {
  it('works', async () => {
    const { app, url, logs } = await startApp(platform, {
      controllers: [A, B],
      providers: [
        Session,
        Repo,
        Audit,
        provideResource({
          provide: Res,
          async *useFactory() {
            try {
              yield new Res();
              log.push('commit');
            } catch (e) {
              log.push('rollback');
              throw e;
            } finally {
              log.push('release');
            }
          },
        }),
      ],
    });
    const host = app.get(BackgroundTasksHost);
    for (const [m, p] of [
      ['POST', '/a'],
      ['GET', '/a/deny'],
      ['GET', '/b'],
      ['GET', '/b/fail'],
    ] as const) {
      log.length = 0;
      const r = await fetch(url + p, { method: m });
      await r.text();
      await host.onIdle();
      console.log(platform.name, m, p, r.status, log.join(', '));
    }
    console.log(logs, host.stats());
    expect(1).toBe(1);
  });
});
