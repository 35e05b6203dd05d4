import { BadRequestException, Controller, Post, Query, Res } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule, type BullMqOptions } from '../../src/bullmq/index.js';
import {
  BackendUnavailableError,
  type BackgroundTask,
  BackgroundTasksHost,
  defineTask,
  type Handles,
  TaskHandler,
  Tasks,
  TaskScopes,
  type BackgroundTasks,
} from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { deferred } from '../support/deferred.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { platforms, startApp } from '../support/platforms.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { until } from '../support/until.js';

const Work = defineTask<string>({ name: 'work' });
let ran: string[] = [];
let handles: BackgroundTask[] = [];

@TaskHandler(Work)
class WorkHandler implements Handles<typeof Work> {
  run(what: string): void {
    ran.push(what);
  }
}

@Controller()
class WorkController {
  @Post()
  enqueue(@Tasks() tasks: BackgroundTasks) {
    handles = [tasks.enqueue(Work, 'by handler'), tasks.enqueue(Work, 'keyed', { idempotencyKey: '1' })];
    tasks.enqueue(Work, 'keyed again', { idempotencyKey: '1' });
    tasks.addTask(() => void tasks.enqueue(Work, 'by task'));
    return { ok: true };
  }

  /** Never answers. */
  @Post('open')
  stayOpen(@Tasks() tasks: BackgroundTasks, @Res() _response: unknown) {
    handles = [tasks.with({ onAbort: 'skip' }).enqueue(Work, 'for who left', { idempotencyKey: 'shared' })];
  }

  @Post('shared')
  share(@Tasks() tasks: BackgroundTasks) {
    tasks.enqueue(Work, 'for who stayed', { idempotencyKey: 'shared' });
    return { ok: true };
  }

  @Post('fails')
  fail(@Tasks() tasks: BackgroundTasks, @Query('after') what: string) {
    tasks.enqueue(Work, what);
    throw new BadRequestException();
  }
}

describe.each(servers)(`B32 with fallback: 'in-process', while $kind is out`, { timeout: 20_000 }, ({ prepare }) => {
  const server = useServer(prepare);
  beforeEach(() => {
    ran = [];
  });

  describe.each(platforms)('on $name', (platform) => {
    async function start() {
      const options = {
        ...server().options,
        queueName: randomUUID(),
        worker: false,
        fallback: 'in-process',
      } as BullMqOptions;
      const { app, url, logs } = await startApp(platform, {
        imports: [BullMqBackgroundTasksModule.forRoot(options)],
        controllers: [WorkController],
        providers: [WorkHandler],
      });
      return { app, url, logs, backend: app.get(BullMqBackend) };
    }

    it('runs tasks in this process after the response, once for each key, and says so', async () => {
      await server().stop();
      const { app, url, logs, backend } = await start();
      await until('the server is known to be down', () => backend.unavailableBecause !== undefined);

      const response = await fetch(url, { method: 'POST' });
      expect(response.status).toBe(201);
      await settled(app);

      expect(ran).toEqual(['by handler', 'keyed', 'by task']);
      expect(handles.map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ succeeded: 4, discarded: 0, waiting: 0, failed: 0 });
      expect(logs.errors).toEqual([expect.stringContaining('they run in this process until it does')]);
      expect(logs.warnings[0]).toContain('so these run in this process and are lost in a crash: "work"');
    });

    it('runs nothing of a handler that fails', async () => {
      await server().stop();
      const { app, url } = await start();

      expect((await fetch(`${url}/fails?after=failure`, { method: 'POST' })).status).toBe(400);
      await settled(app);

      expect(ran).toEqual([]);
    });

    it('answers 503 while it is open whether the server is out, runs tasks in this process from then on, and hands over again', async () => {
      const { app, url, backend } = await start();
      await until('the server is ready', () => backend.unavailableBecause === undefined);
      server().freeze();
      onTestFinished(() => server().thaw());

      expect((await fetch(url, { method: 'POST' })).status).toBe(503);
      expect(backend.unavailableBecause).toBeDefined();
      expect((await fetch(url, { method: 'POST' })).status).toBe(201);
      await settled(app, { throwOnFailure: false });
      expect(ran).toEqual(['by handler', 'keyed', 'by task']);

      server().thaw();
      await until('the server is ready', () => backend.unavailableBecause === undefined);
      expect((await fetch(url, { method: 'POST' })).status).toBe(201);
      await settled(app, { throwOnFailure: false });

      expect(ran).toHaveLength(3);
      expect(handles.map(({ state }) => state)).toEqual(['enqueued', 'enqueued']);
    });
  });
});

// On Fastify a route that sends its own response settles, and so hands over, when that has ended.
const express = platforms.filter(({ name }) => name === 'Express');

describe.each(express)('B29 in this process on $name, the key of a request whose outcome is open', (platform) => {
  it('is free for the task of another one, which is sure to run', async () => {
    const { app, url } = await startApp(platform, { controllers: [WorkController], providers: [WorkHandler] });
    ran = [];
    handles = [];
    const client = new AbortController();
    const open = fetch(`${url}/open`, { method: 'POST', signal: client.signal });
    await until('the task is enqueued', () => handles.length > 0);

    expect((await fetch(`${url}/shared`, { method: 'POST' })).status).toBe(201);
    client.abort();
    await expect(open).rejects.toThrow('aborted');
    await settled(app);

    expect(ran).toEqual(['for who stayed']);
  });
});

describe('B18 · a hand-over that fails after the shutdown deadline', () => {
  it('changes nothing: its tasks were abandoned at the deadline', async () => {
    const backend = new MemoryBackend();
    const gate = deferred();
    backend.gate = gate.promise;
    const { app } = await startContext({
      options: { shutdownTimeoutMs: 20 },
      imports: [memoryBackendModule(backend)],
      providers: [WorkHandler],
    });
    ran = [];
    let handle!: BackgroundTask;
    const unit = app.get(TaskScopes).run(({ tasks }) => {
      handle = tasks.enqueue(Work, 'too late');
    });

    await app.close();
    backend.isReady = false;
    gate.resolve();
    await expect(unit).rejects.toThrow(BackendUnavailableError);

    expect(handle.state).toBe('abandoned');
    expect(ran).toEqual([]);
  });
});
