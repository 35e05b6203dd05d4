import { type CallHandler, Controller, type ExecutionContext, Get, Injectable, Post } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, BackgroundTasksRef, Tasks } from '../../src/index.js';
import { BackgroundTasksInspectorModule } from '../../src/inspector/index.js';
import { recordsOf, startInspected } from '../support/inspector.js';
import { platforms, startApp } from '../support/platforms.js';

describe.each(platforms)('the requests that the inspector leaves out on $name', (platform) => {
  it('are none of the application, whose routes may end as those of the page do', async () => {
    const running = await startInspected(platform, { controllers: [Projects] });
    await fetch(`${running.url}/projects/7/background-tasks`);
    await fetch(`${running.url}/background-tasks`, { method: 'POST' });

    const records = await recordsOf(running);

    expect(records.map(({ description }) => description).toSorted()).toEqual([
      'GET /projects/:id/background-tasks',
      'POST /background-tasks',
    ]);
  });

  it('are all of the page, also below a prefix and where an interceptor adds a task to each', async () => {
    const { app, url, ...running } = await startApp(platform, {
      imports: [BackgroundTasksInspectorModule.forRoot({ unsafe: 'loopback-only' })],
      controllers: [Projects],
      providers: [{ provide: APP_INTERCEPTOR, useClass: AuditInterceptor }],
      configure: (created) => created.setGlobalPrefix('api'),
    });
    const prefixed = { ...running, app, url: `${url}/api` };
    await fetch(`${prefixed.url}/projects/7/background-tasks`);
    await fetch(`${prefixed.url}/background-tasks`, { method: 'HEAD' });
    await recordsOf(prefixed);

    const records = await recordsOf(prefixed);

    expect(records.map(({ description }) => description)).toEqual(['GET /api/projects/:id/background-tasks']);
  });
});

@Controller()
class Projects {
  @Get('projects/:id/background-tasks')
  list(@Tasks() tasks: BackgroundTasks): void {
    tasks.addTask(() => undefined);
  }

  @Post('background-tasks')
  add(@Tasks() tasks: BackgroundTasks): void {
    tasks.addTask(() => undefined);
  }
}

@Injectable()
class AuditInterceptor {
  constructor(private readonly tasks: BackgroundTasksRef) {}

  intercept(_context: ExecutionContext, next: CallHandler) {
    this.tasks.current.addTask(() => undefined);
    return next.handle();
  }
}
