import {
  Controller,
  Get,
  Injectable,
  InternalServerErrorException,
  type MiddlewareConsumer,
  Module,
  type NestMiddleware,
  Post,
  Req,
} from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { type BackgroundTasks, BackgroundTasksRef, currentTask, Tasks, TaskScopes } from '../../src/index.js';
import { shop } from '../support/inspected-app.js';
import { LiveClient, recordsOf, startInspected } from '../support/inspector.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { platforms } from '../support/platforms.js';

const [express] = platforms;

describe.each(platforms)('what the inspector keeps of a request on $name', (platform) => {
  it('is its whole life: handler, response, tasks with their attempts, and resources', async () => {
    const running = await startInspected(platform, shop);
    const response = await fetch(`${running.url}/orders`, { method: 'POST' });
    await response.text();

    const records = await recordsOf(running);

    const order = records.find(({ kind }) => kind === 'http')!;
    expect(order).toMatchObject({
      description: 'POST /orders',
      method: 'POST',
      hasSucceeded: true,
      response: { statusCode: 201, aborted: false },
      resources: [
        { name: 'DbSession', release: 'after-tasks' },
        { name: 'Transaction', release: 'before-response' },
      ],
    });
    expect(order.tasks.map(({ name, state, reason, attempts }) => [name, state, reason, attempts.length])).toEqual([
      ['Mailer.sendReceipt', 'succeeded', undefined, 1],
      ...['write-audit', 'write-audit', 'write-audit', 'write-audit'].map((name) => [name, 'succeeded', undefined, 1]),
      ['notify-warehouse', 'succeeded', undefined, 3],
      ['render-invoice', 'succeeded', undefined, 1],
      ['refund', 'discarded', 'request-succeeded', 0],
    ]);
    const [session, transaction] = order.resources;
    const lastTask = Math.max(...order.tasks.map(({ settledAt }) => settledAt!));
    expect([
      order.begunAt,
      session!.acquiringAt,
      session!.acquiredAt!,
      order.handlerEndedAt!,
      transaction!.releasedAt!,
      order.response!.at,
      lastTask,
      session!.releasedAt!,
      order.closedAt!,
    ]).toSatisfy((moments: number[]) => moments.every((moment, index) => index === 0 || moment >= moments[index - 1]!));
  });

  it('leads from a named task to the unit of work in which its handler ran', async () => {
    const running = await startInspected(platform, shop);
    await fetch(`${running.url}/orders`, { method: 'POST' });

    const records = await recordsOf(running);

    const order = records.find(({ kind }) => kind === 'http')!;
    const run = records.find(({ kind }) => kind === 'task')!;
    const task = order.tasks.find(({ name }) => name === 'render-invoice')!;
    expect(run.parent).toEqual({ scopeId: order.id, taskId: task.id });
    expect(task.progress).toBe(50);
  });

  it('is the error of a task with its causes, and the line that added it', async () => {
    const running = await startInspected(platform, shop);
    await fetch(`${running.url}/reports/7`, { method: 'POST' });

    const [report] = await recordsOf(running);

    expect(report!.tasks.at(-1)).toMatchObject({
      name: 'Mailer.sendReport',
      state: 'failed',
      place: expect.stringMatching(/^at ShopController\.report/) as string,
      attempts: [
        {
          state: 'failed',
          error: {
            name: 'Error',
            message: 'the report could not be sent',
            stack: expect.arrayContaining([expect.stringMatching(/^at Mailer\.sendReport/)]) as string[],
            cause: { message: 'connect ECONNREFUSED 10.0.0.7:25' },
          },
        },
      ],
    });
  });

  it('is never a payload, an argument, a header, a member of an error or a path with its values', async () => {
    const running = await startInspected(platform, { controllers: [CanaryController] });
    const response = await fetch(`${running.url}/users/CANARY-path?token=CANARY-query`, {
      method: 'POST',
      headers: { 'x-token': 'CANARY-header', 'content-type': 'application/json' },
      body: JSON.stringify({ password: 'CANARY-body' }),
    });
    await response.text();

    const records = await recordsOf(running);

    expect(records).toMatchObject([{ description: 'POST /users/:id', tasks: [{ state: 'failed' }] }]);
    const stream = await LiveClient.open(running.url);
    const message = await stream.next();
    stream.close();
    expect(JSON.stringify([records, message])).not.toMatch(/CANARY/);
  });

  it('is nothing of its own requests, even where a middleware adds a task to each', async () => {
    const running = await startInspected(platform, {
      controllers: [CanaryController],
      imports: [AuditModule],
    });
    for (const route of ['', '/page.css', '/records', '/nothing'])
      await fetch(`${running.url}/background-tasks${route}`);

    const records = await recordsOf(running);

    // Unknown routes have no pattern.
    expect(records.map(({ route, response }) => [route, response?.statusCode])).toEqual([[undefined, 404]]);
  });
});

describe('B43 what the inspector keeps', () => {
  it('is bounded by its capacity: the oldest go first', async () => {
    const running = await startInspected(express!, { inspector: { unsafe: 'loopback-only', capacity: 3 } });
    const scopes = running.app.get(TaskScopes);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await scopes.run(({ tasks }) => tasks.with({ name }).addTask(() => undefined));
    }

    const records = await recordsOf(running);

    expect(records.map(({ tasks }) => tasks[0]!.name)).toEqual(['e', 'd', 'c']);
  });

  it('is bounded for one scope as well: the rest of its tasks is counted', async () => {
    const running = await startInspected(express!);
    await running.app.get(TaskScopes).run(({ tasks }) => {
      for (let added = 0; added < 250; added++) tasks.addTask(() => undefined);
    });

    const [record] = await recordsOf(running);

    expect([record!.tasks.length, record!.leftOut]).toEqual([200, 50]);
  });

  it('survives errors that cannot be read', async () => {
    const running = await startInspected(express!);
    const hostile = new Proxy(new Error('hidden'), {
      get: () => {
        throw new Error('no');
      },
    });
    await running.app.get(TaskScopes).run(({ tasks }) => {
      for (const error of [undefined, null, 'text', Object.create(null) as object, hostile]) {
        tasks.with({ name: 'hostile' }).addTask(() => Promise.reject(error as Error));
      }
    });

    const [record] = await recordsOf(running);

    expect(record!.tasks.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed', 'failed', 'failed']);
  });

  it('is bounded in size, however much each scope holds', async () => {
    const running = await startInspected(express!, { inspector: { unsafe: 'loopback-only', capacity: 100 } });
    const scopes = running.app.get(TaskScopes);
    for (let run = 0; run < 30; run++) {
      await scopes.run(({ tasks }) => {
        for (let added = 0; added < 200; added++) tasks.addTask(() => undefined);
      });
    }

    const records = await recordsOf(running);

    // 5,000 parts: a task and its attempt are two.
    expect(records).toHaveLength(12);
  });

  it('is the job of a backend with its own errors, and leads to the request that enqueued it', async () => {
    const backend = new MemoryBackend();
    const running = await startInspected(express!, { ...shop, imports: [memoryBackendModule(backend)] });
    await fetch(`${running.url}/orders`, { method: 'POST' });
    const { envelope } = backend.batches[0]![0]!;
    await backend.runner!.run({ ...envelope, payload: {} }, { number: 2, progressed: () => undefined });

    const records = await recordsOf(running);

    const order = records.find(({ kind }) => kind === 'http')!;
    const run = records.find(({ kind }) => kind === 'task')!;
    expect(order.tasks.find(({ isNamed }) => isNamed)).toMatchObject({ id: envelope.id, state: 'enqueued' });
    expect(order.handOvers).toMatchObject([{ taskIds: [envelope.id] }]);
    expect(run).toMatchObject({
      parent: { taskId: envelope.id },
      job: { state: 'succeeded', attempts: [{ number: 2, state: 'succeeded' }] },
    });
  });

  it('says why the backend refused a hand-over', async () => {
    const backend = new MemoryBackend();
    backend.accept = () => Promise.reject(new InternalServerErrorException('no broker'));
    const running = await startInspected(express!, { ...shop, imports: [memoryBackendModule(backend)] });
    await fetch(`${running.url}/orders`, { method: 'POST' });

    const records = await recordsOf(running);

    expect(records.at(-1)).toMatchObject({ handOvers: [{ error: { message: 'no broker' } }] });
  });
});

class CanaryError extends Error {
  readonly token = 'CANARY-member';
  readonly config = { headers: { authorization: 'CANARY-nested' } };
}

@Controller()
class CanaryController {
  @Post('users/:id')
  create(@Tasks() tasks: BackgroundTasks, @Req() request: object): void {
    const secret = { text: 'CANARY-argument' };
    tasks.with({ name: 'send' }).addTask(
      (_secret: object, _request: object) => {
        currentTask().progress({ secret });
        throw new CanaryError('could not be sent', { cause: new CanaryError('no route') });
      },
      secret,
      request,
    );
  }

  @Get('other')
  other(): void {}
}

@Injectable()
class AuditMiddleware implements NestMiddleware {
  constructor(private readonly tasks: BackgroundTasksRef) {}

  use(_request: unknown, _response: unknown, next: () => void): void {
    this.tasks.current.with({ name: 'audit', runOn: 'always' }).addTask(() => undefined);
    next();
  }
}

@Module({ providers: [AuditMiddleware] })
class AuditModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(AuditMiddleware).forRoutes('*path');
  }
}
