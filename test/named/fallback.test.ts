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
    tasks.with({ onAbort: 'skip' }).enqueue(Work, 'for who left', { idempotencyKey: 'shared' });
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
      expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ succeeded: 4, discarded: 1, waiting: 0, failed: 0 });
      expect(logs.warnings.filter((line) => line.includes('to be run in this process instead'))).toHaveLength(2);
      expect(logs.errors).toEqual([expect.stringContaining('they run in this process until it does')]);
    });

    it('runs nothing of a handler that fails', async () => {
      await server().stop();
      const { app, url } = await start();

      expect((await fetch(`${url}/fails?after=failure`, { method: 'POST' })).status).toBe(400);
      await settled(app);

      expect(ran).toEqual([]);
    });

    it('runs in this process what a frozen server does not answer, and hands over again when it thaws', async () => {
      const { app, url, backend } = await start();
      await until('the server is ready', () => backend.unavailableBecause === undefined);
      server().freeze();
      onTestFinished(() => server().thaw());

      expect((await fetch(url, { method: 'POST' })).status).toBe(201);
      await settled(app);
      expect(ran).toEqual(['by handler', 'keyed', 'by task']);

      server().thaw();
      await until('the server is ready', () => backend.unavailableBecause === undefined);
      expect(await backend.queue.getJobCountByTypes('wait', 'active', 'delayed')).toBe(0);
      expect((await fetch(url, { method: 'POST' })).status).toBe(201);
      await settled(app);

      expect(ran).toHaveLength(3);
      expect(await backend.queue.getJobCountByTypes('wait')).toBe(3);
    });
  });
});

// On Fastify a route that sends its own response settles, and so hands over, when that has ended.
const express = platforms.filter(({ name }) => name === 'Express');

describe.each(express)('B31 with a fallback on $name, the key of a request whose outcome is open', (platform) => {
  it('is free for the task of another one, which is sure to run', async () => {
    const backend = new FallingBack();
    backend.isReady = false;
    const { app, url, logs } = await startApp(platform, {
      imports: [memoryBackendModule(backend)],
      controllers: [WorkController],
      providers: [WorkHandler],
    });
    ran = [];
    const client = new AbortController();
    const open = fetch(`${url}/open`, { method: 'POST', signal: client.signal });
    await until('the fallback is logged', () => logs.warnings.length > 0);

    expect((await fetch(`${url}/shared`, { method: 'POST' })).status).toBe(201);
    client.abort();
    await expect(open).rejects.toThrow('aborted');
    await settled(app);

    expect(ran).toEqual(['for who stayed']);
  });
});

describe('B18 · a hand-over that fails after the shutdown deadline', () => {
  it('is a failure of its tasks, though they would have run in this process before', async () => {
    const backend = new FallingBack();
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

    expect(handle.state).toBe('failed');
    expect(ran).toEqual([]);
  });
});

class FallingBack extends MemoryBackend {
  override get runsHereInstead(): boolean {
    return true;
  }
}
