import { BadRequestException, Controller, createParamDecorator, type ExecutionContext, Get, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  defineTask,
  type Handles,
  provideResource,
  Resource,
  TaskHandler,
  Tasks,
  TaskScopes,
} from '../../src/index.js';
import { deferred } from '../support/deferred.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { startContext } from '../support/start-context.js';
import { platforms, startApp } from '../support/platforms.js';
import { useTimeline } from '../support/timeline.js';
import { until } from '../support/until.js';

const Mail = defineTask<{ to: string }>({ name: 'mail', timeoutMs: 500, retry: { attempts: 5 } });
const Audit = defineTask<string>({ name: 'audit', runOn: 'always' });

const timeline = useTimeline();

@TaskHandler(Mail)
class MailHandler implements Handles<typeof Mail> {
  run({ to }: { to: string }): void {
    timeline.note(`mail ${to}`);
  }
}

@TaskHandler(Audit)
class AuditHandler implements Handles<typeof Audit> {
  run(what: string): void {
    timeline.note(`audit ${what}`);
  }
}

class Session {}
let commitFails = false;
const session = provideResource({
  provide: Session,
  release: 'before-response',
  async *useFactory() {
    try {
      yield new Session();
      if (commitFails) throw new BadRequestException('conflict');
      timeline.note('commit');
    } catch (error) {
      timeline.note('rollback');
      throw error;
    }
  },
});

/** Notes that the response is over. */
const Noted = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const response = context.switchToHttp().getResponse<ServerResponse & { raw?: ServerResponse }>();
  (response.raw ?? response).on('finish', () => timeline.note('response'));
});

@Controller()
class MailController {
  @Get('ok')
  ok(@Tasks() tasks: BackgroundTasks, @Noted() _noted: unknown) {
    tasks.addTask(() => timeline.note('first'));
    tasks.enqueue(Mail, { to: 'a' });
    tasks.enqueue(Mail, { to: 'b' }, { idempotencyKey: 'order-1' });
    tasks.addTask(() => timeline.note('last'));
    return { ok: true };
  }

  @Get('fails')
  fails(@Tasks() tasks: BackgroundTasks) {
    tasks.enqueue(Mail, { to: 'a' });
    tasks.enqueue(Audit, 'failed');
    throw new BadRequestException();
  }

  @Get('commits')
  commits(@Tasks() tasks: BackgroundTasks, @Resource(Session) _session: Session) {
    tasks.enqueue(Mail, { to: 'a' });
    return { ok: true };
  }

  @Get('compensates')
  compensates(@Tasks() tasks: BackgroundTasks) {
    tasks.with({ runOn: 'failure' }).enqueue(Audit, 'compensation');
    tasks.enqueue(Mail, { to: 'a' });
    tasks.addTask(() => void tasks.with({ runOn: 'failure' }).enqueue(Audit, 'compensation of a task'));
    return { ok: true };
  }

  @Get('manual')
  manual(@Tasks() tasks: BackgroundTasks, @Res() response: ServerResponse & { send(body: string): void }) {
    tasks.enqueue(Mail, { to: 'a' });
    response.send('sent');
  }

  @Get('task')
  task(@Tasks() tasks: BackgroundTasks) {
    tasks.addTask(() => void tasks.enqueue(Mail, { to: 'from a task' }));
    tasks.addTask(function breaks() {
      tasks.enqueue(Mail, { to: 'nobody' });
      throw new Error('no');
    });
    return { ok: true };
  }
}

async function start(platform: (typeof platforms)[number], backend?: MemoryBackend) {
  commitFails = false;
  const running = await startApp(platform, {
    imports: backend ? [memoryBackendModule(backend)] : [],
    controllers: [MailController],
    providers: [MailHandler, AuditHandler, session],
  });
  const host = running.app.get(BackgroundTasksHost);
  const get = async (path: string) => {
    const response = await fetch(`${running.url}/${path}`);
    await response.text();
    return response;
  };
  return { ...running, host, get };
}

describe.each(platforms)('enqueue in a request on $name', (platform) => {
  describe('without a backend', () => {
    it('runs the task in its turn after the response', async () => {
      const { host, get } = await start(platform);
      expect((await get('ok')).status).toBe(200);
      await host.onIdle();
      expect(timeline.events).toEqual(['response', 'first', 'mail a', 'mail b', 'last']);
    });

    it('runs nothing of a handler that fails, but what is meant for that', async () => {
      const { host, get, logs } = await start(platform);
      expect((await get('fails')).status).toBe(400);
      await host.onIdle();
      expect(timeline.events).toEqual(['audit failed']);
      expect(logs.warnings).toEqual(['Discarded "mail": GET /fails failed. BackgroundTasks']);
    });
  });

  describe('with a backend', () => {
    it('hands over nothing that is meant for a failure when there is none', async () => {
      const backend = new MemoryBackend();
      const { host, get } = await start(platform, backend);

      expect((await get('compensates')).status).toBe(200);
      await host.onIdle();

      expect(backend.names).toEqual([['mail']]);
      expect(host.stats()).toMatchObject({ enqueued: 1, discarded: 2, waiting: 0 });
    });

    it('hands over all tasks in one batch before the response', async () => {
      const backend = new MemoryBackend();
      const gate = deferred();
      backend.gate = gate.promise;
      const { host, get } = await start(platform, backend);
      const answered = get('ok').then(() => timeline.note('answered'));
      await until('four tasks are accepted', () => host.stats().accepted === 4);
      expect(timeline.events).toEqual([]);
      gate.resolve();
      await answered;
      await host.onIdle();
      expect(backend.names).toEqual([['mail', 'mail']]);
      expect(backend.batches[0]).toMatchObject([
        { envelope: { v: 1, name: 'mail', payload: { to: 'a' } }, retry: { attempts: 5 } },
        { envelope: { v: 1, name: 'mail', payload: { to: 'b' } }, idempotencyKey: 'order-1' },
      ]);
      expect(host.stats()).toMatchObject({ accepted: 4, enqueued: 2, succeeded: 2, waiting: 0, running: 0 });
    });

    it.each([
      ['a promise', async () => ({ tenant: 'acme' })],
      ['a Date', () => ({ at: new Date() })],
    ])('refuses %s that captureContext returned, and says that it was that', async (_what, captureContext) => {
      const { app } = await startContext({
        providers: [MailHandler],
        options: { captureContext: captureContext as never },
      });

      const enqueued = app.get(TaskScopes).run(({ tasks }) => void tasks.enqueue(Mail, { to: 'a' }));

      await expect(enqueued).rejects.toMatchObject({
        code: 'INVALID_PAYLOAD',
        message: expect.stringContaining('What captureContext returned for task "mail"') as string,
      });
    });

    it('counts what waits for its hand-over as waiting: maxPending bounds it, and it leaves its place', async () => {
      const backend = new MemoryBackend();
      const { app } = await startContext({
        imports: [memoryBackendModule(backend)],
        providers: [MailHandler],
        options: { maxPending: 2 },
      });
      const scopes = app.get(TaskScopes);
      const enqueue = (times: number) =>
        scopes.run(({ tasks }) => {
          for (let time = 0; time < times; time++) tasks.enqueue(Mail, { to: 'a' });
        });

      await enqueue(2);
      await expect(enqueue(3)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
      await enqueue(2);

      expect(backend.names).toEqual([
        ['mail', 'mail'],
        ['mail', 'mail'],
      ]);
    });

    it('hands over nothing of a handler that fails, but what is meant for that', async () => {
      const backend = new MemoryBackend();
      const { host, get } = await start(platform, backend);
      expect((await get('fails')).status).toBe(400);
      await host.onIdle();
      expect(backend.names).toEqual([['audit']]);
      expect(host.stats()).toMatchObject({ enqueued: 1, discarded: 1 });
    });

    it('answers 503 at once, with Retry-After, while the backend is known to be down', async () => {
      const backend = new MemoryBackend();
      backend.isReady = false;
      const { host, get } = await start(platform, backend);
      const response = await get('commits');
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      await host.onIdle();
      expect(timeline.events).toEqual(['rollback']);
      expect(backend.batches).toEqual([]);
    });

    it('answers 503 when the backend cannot accept, and reports the tasks as failed', async () => {
      const backend = new MemoryBackend();
      const gate = deferred();
      backend.gate = gate.promise;
      const { host, get } = await start(platform, backend);
      const answered = get('ok');
      await until('four tasks are accepted', () => host.stats().accepted === 4);
      backend.isReady = false;
      gate.resolve();
      const response = await answered;
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
      await host.onIdle();
      expect(host.stats()).toMatchObject({ accepted: 4, failed: 2, discarded: 2, enqueued: 0 });
    });

    it('hands over after the commit, and nothing if that fails', async () => {
      const backend = new MemoryBackend();
      const { host, get } = await start(platform, backend);
      expect((await get('commits')).status).toBe(200);
      expect(timeline.events).toEqual(['commit']);
      expect(backend.names).toEqual([['mail']]);
      commitFails = true;
      expect((await get('commits')).status).toBe(400);
      await host.onIdle();
      expect(backend.names).toEqual([['mail']]);
    });

    it('hands over when a handler that sends by itself has ended', async () => {
      const backend = new MemoryBackend();
      const { host, get } = await start(platform, backend);
      expect((await get('manual')).status).toBe(200);
      await host.onIdle();
      expect(backend.names).toEqual([['mail']]);
    });

    it('hands over from a task when that has succeeded', async () => {
      const backend = new MemoryBackend();
      const { host, get } = await start(platform, backend);
      await get('task');
      await host.onIdle();
      expect(backend.batches).toMatchObject([[{ envelope: { payload: { to: 'from a task' } } }]]);
      expect(host.stats()).toMatchObject({ accepted: 4, enqueued: 1, discarded: 1, succeeded: 1, failed: 1 });
    });

    it('begins and stops with the application', async () => {
      const backend = new MemoryBackend();
      const { app } = await start(platform, backend);
      expect(backend.runner!.names.has('mail')).toBe(true);
      expect(backend.runner!.names.has('constructor')).toBe(false);
      await app.close();
      expect(backend.hasStopped).toBe(true);
    });
  });

  it('takes along what captureContext returns for the request as Nest injects it', async () => {
    const backend = new MemoryBackend();
    const running = await startApp(platform, {
      imports: [memoryBackendModule(backend)],
      controllers: [MailController],
      providers: [MailHandler, AuditHandler, session],
      options: {
        captureContext: (request: { headers: Record<string, string>; query: object }) => ({
          tenant: request.headers['x-tenant']!,
        }),
      },
    });
    await fetch(`${running.url}/ok`, { headers: { 'x-tenant': 'acme' } });
    expect(backend.batches[0]![0]!.envelope.context).toEqual({ captured: { tenant: 'acme' } });
  });
});
