import { Controller, Get, Inject, Injectable, Param, Scope } from '@nestjs/common';
import { ContextIdFactory, ModuleRef, REQUEST } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { BullMqBackend, BullMqBackgroundTasksModule } from '../../src/bullmq/index.js';
import {
  BackgroundTasks,
  currentTask,
  defineTask,
  type Handles,
  provideResource,
  type TaskContext,
  TaskHandler,
  Tasks,
  TaskScopes,
} from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { platforms, startApp } from '../support/platforms.js';
import { servers, useServer } from '../support/servers.js';
import { startContext } from '../support/start-context.js';
import { applyTenants, tenantOf, TenantPool } from '../support/tenants.js';
import { useTimeline } from '../support/timeline.js';
import { until } from '../support/until.js';

const timeline = useTimeline();
const tenants = ['acme', 'bolt', 'core'];

const Bill = defineTask<number>({ name: 'bill' });
const Remind = defineTask<number>({ name: 'remind' });

/** Nest gives each tenant one handler: all that it injects is durable. */
@TaskHandler(Bill)
class BillHandler implements Handles<typeof Bill> {
  static readonly made = new Set<BillHandler>();

  constructor(private readonly pool: TenantPool) {}

  run(number: number): void {
    BillHandler.made.add(this);
    noteRun(currentTask(), this.pool, number);
  }
}

const session = provideResource({
  provide: 'session',
  inject: [TenantPool],
  async *useFactory(pool: TenantPool) {
    yield { pool };
    timeline.note('session closed');
  },
});

@Injectable({ scope: Scope.REQUEST })
class Letter {
  constructor(
    readonly pool: TenantPool,
    @Inject(REQUEST) readonly request: TaskContext & { readonly tenant: string },
  ) {}

  [Symbol.dispose](): void {
    timeline.note('letter disposed');
  }
}

/** This one is built for each run, because its resource is. */
@TaskHandler(Remind)
class RemindHandler implements Handles<typeof Remind> {
  constructor(
    private readonly pool: TenantPool,
    private readonly letter: Letter,
    @Inject('session') private readonly opened: { readonly pool: TenantPool },
    private readonly tasks: BackgroundTasks,
    private readonly moduleRef: ModuleRef,
  ) {}

  async run(number: number): Promise<void> {
    const { pool, letter, opened, moduleRef } = this;
    const contextId = ContextIdFactory.getByRequest(letter.request as never);
    const found = await moduleRef.resolve(Letter, contextId);
    const pools = [letter.pool, opened.pool, await moduleRef.resolve(TenantPool, contextId)];
    const isOne = found === letter && pools.every((each) => each === pool);
    const isOfTask = letter.request === currentTask() && letter.request.tenant === pool.tenant;
    this.tasks.enqueue(Bill, number);
    if (isOne && isOfTask) noteRun(currentTask(), pool, number);
  }
}

function noteRun(task: TaskContext, pool: TenantPool, number: number): void {
  if (!pool.isDisposed) timeline.note(`${task.name} ${number} of ${tenantOf(task)} in the pool of ${pool.tenant}`);
}

const providers = [TenantPool, session, Letter, BillHandler, RemindHandler];

beforeEach(() => {
  TenantPool.made.length = 0;
  BillHandler.made.clear();
});

const backends = [{ kind: 'in process', prepare: undefined }, ...servers];

describe.each(backends)('B27 a handler of a tenant, $kind', { timeout: 30_000 }, ({ prepare }) => {
  const server = prepare && useServer(prepare);

  /** The application that enqueues; with a server another one runs the handlers. */
  async function start(): Promise<TaskScopes> {
    if (!server) return (await startContext({ providers })).scopes;
    const options = { ...server().options, queueName: `tenants-${randomUUID()}` };
    const [web] = await Promise.all(
      ([false, { concurrency: 20 }] as const).map(async (worker) => {
        const running = await startContext({
          imports: [BullMqBackgroundTasksModule.forRoot({ ...options, worker })],
          providers,
        });
        const backend = running.app.get(BullMqBackend);
        await until('the server is ready', () => backend.unavailableBecause === undefined);
        return running;
      }),
    );
    return web!.scopes;
  }

  it('shares the durable providers of its tenant with all runs, and is one itself if all it injects is durable', async () => {
    applyTenants();
    const scopes = await start();

    const runs = runsOf('bill');
    await Promise.all(
      runs.map(({ tenant, number }) =>
        scopes.run(({ tasks }) => void tasks.enqueue(Bill, number), { context: { tenant } }),
      ),
    );
    await Promise.all(runs.map(({ event }) => timeline.until(event)));

    expect(TenantPool.made.map(({ tenant }) => tenant).toSorted()).toEqual(tenants);
    expect(TenantPool.made.map(({ payload }) => payload)).toContainEqual({ tenant: 'acme' });
    expect(TenantPool.made.some(({ isDisposed }) => isDisposed)).toBe(false);
    expect(BillHandler.made.size).toBe(tenants.length);
  });

  it('is built for each run if it injects what belongs to the run, and hands its tenant on to what it enqueues', async () => {
    applyTenants();
    const scopes = await start();

    const runs = runsOf('remind');
    await Promise.all(
      runs.map(({ tenant, number }) =>
        scopes.run(({ tasks }) => void tasks.enqueue(Remind, number), { context: { tenant } }),
      ),
    );
    await Promise.all([...runs, ...runsOf('bill')].map(({ event }) => timeline.until(event)));
    await timeline.until('session closed', runs.length);

    expect(TenantPool.made.map(({ tenant }) => tenant).toSorted()).toEqual(tenants);
    expect(TenantPool.made.some(({ isDisposed }) => isDisposed)).toBe(false);
    expect(timeline.count('letter disposed')).toBe(runs.length);
  });
});

/** 20 runs of each tenant. */
function runsOf(name: string): { readonly tenant: string; readonly number: number; readonly event: string }[] {
  return Array.from({ length: 60 }, (_, number) => {
    const tenant = tenants[number % tenants.length]!;
    return { tenant, number, event: `${name} ${number} of ${tenant} in the pool of ${tenant}` };
  });
}

describe.each(platforms)('B27 a handler of the tenant of its request on $name', (platform) => {
  it('shares the durable providers of the tenant with its requests', async () => {
    applyTenants();
    const { app, url } = await startApp(platform, {
      controllers: [BillsController],
      providers,
      options: { captureContext: (request: { headers: Record<string, string> }) => ({ tenant: tenantOf(request) }) },
    });

    const runs = [...runsOf('bill'), ...runsOf('remind')];
    const answers = await Promise.all(
      runs.map(({ tenant, number, event }) =>
        fetchText(`${url}/bills/${event.split(' ')[0]}/${number}`, { headers: { 'x-tenant': tenant } }),
      ),
    );
    await settled(app);

    expect(answers.map(({ body }) => body)).toEqual(runs.map(({ tenant }) => tenant));
    expect(runs.filter(({ event }) => timeline.count(event) === 0)).toEqual([]);
    expect(TenantPool.made.map(({ tenant }) => tenant).toSorted()).toEqual(tenants);
    expect(TenantPool.made.some(({ isDisposed }) => isDisposed)).toBe(false);
  });

  it('fails with the error of a strategy that does not know it, which a handler without such providers never asks', async () => {
    const asked = applyTenants((origin) => (origin as { headers: Record<string, string> }).headers['x-tenant']!);
    const { app, url, logs } = await startApp(platform, {
      controllers: [BillsController],
      providers: [...providers, PlainHandler],
    });

    for (const name of ['bill', 'plain'])
      await fetchText(`${url}/bills/${name}/1`, { headers: { 'x-tenant': 'acme' } });
    await settled(app, { throwOnFailure: false });

    expect(logs.errors.join('\n')).toContain("Cannot read properties of undefined (reading 'x-tenant')");
    expect(timeline.events).toEqual(['plain']);
    expect(asked.filter((origin) => !('headers' in origin))).toHaveLength(1);
  });
});

const Plain = defineTask<number>({ name: 'plain' });

@TaskHandler(Plain)
class PlainHandler implements Handles<typeof Plain> {
  run(): void {
    timeline.note('plain');
  }
}

@Controller('bills')
class BillsController {
  constructor(private readonly pool: TenantPool) {}

  @Get(':name/:number')
  enqueue(@Param('name') name: string, @Param('number') number: string, @Tasks() tasks: BackgroundTasks) {
    tasks.enqueue(
      [Bill, Remind, Plain].find((definition) => definition.name === name)!,
      Number(number),
    );
    return this.pool.tenant;
  }
}
