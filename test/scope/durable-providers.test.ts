import {
  type CanActivate,
  Controller,
  Get,
  Inject,
  Injectable,
  type ModuleMetadata,
  type Provider,
  Req,
  Scope,
  UseGuards,
} from '@nestjs/common';
import { ContextIdFactory, ModuleRef, REQUEST } from '@nestjs/core';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  BackgroundTasks,
  BackgroundTasksRef,
  defineTask,
  type Handles,
  type JsonValue,
  provideResource,
  Resource,
  TaskHandler,
  Tasks,
  TaskScopes,
} from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { fetchText } from '../support/fetch-text.js';
import { platforms, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';
import { applyTenants, TenantPool } from '../support/tenants.js';
import { useTimeline } from '../support/timeline.js';

const timeline = useTimeline();

beforeEach(() => void (TenantPool.made.length = 0));

describe('B26 a unit of work of a tenant', () => {
  it('shares the durable providers of its tenant with all others', async () => {
    const asked = applyTenants();
    const { scopes } = await startContext({ providers: [TenantPool, Ledger] });

    const pools = await Promise.all(
      Array.from({ length: 60 }, (_, number) => {
        const tenant = ['acme', 'bolt', 'core'][number % 3]!;
        return scopes.run(async ({ resolve }) => (await resolve(Ledger)).pool, { context: { tenant } });
      }),
    );

    expect(new Set(pools)).toEqual(new Set(TenantPool.made));
    expect(pools.slice(0, 3).map(({ payload }) => payload)).toEqual([
      { tenant: 'acme' },
      { tenant: 'bolt' },
      { tenant: 'core' },
    ]);
    expect(TenantPool.made.some(({ isDisposed }) => isDisposed)).toBe(false);
    expect(timeline.count('ledger disposed')).toBe(60);
    expect(asked).toHaveLength(60);
  });

  it('is what the strategy is asked about, and what REQUEST is for all but durable providers', async () => {
    const asked = applyTenants();
    const { scopes } = await startContext({ providers: [TenantPool, Ledger] });

    await scopes.run(
      async (scope) => {
        const ledger = await scope.resolve(Ledger);

        expect(asked).toEqual([scope]);
        expect(scope.context).toEqual({ tenant: 'acme' });
        expect(ledger.request).toBe(scope);
        expect(ledger.request.tenant).toBe('acme');
      },
      { context: { tenant: 'acme' } },
    );
  });

  it('keeps its own members where the payload of the strategy has the same', async () => {
    applyTenants();
    const tree = ContextIdFactory.create();
    ContextIdFactory.apply({
      attach: (contextId) => ({
        resolve: ({ isTreeDurable }) => (isTreeDurable ? tree : contextId),
        payload: { tasks: 'of the strategy', resolve: 'of the strategy', context: 'of the strategy', tenant: 'acme' },
      }),
    });
    const { scopes } = await startContext({ providers: [TenantPool, Ledger] });

    await scopes.run(async (scope) => {
      const { request } = await scope.resolve(Ledger);

      expect(request).toMatchObject({ tenant: 'acme', context: undefined, tasks: scope.tasks });
      expect((await scope.resolve(Ledger)).request).toBe(request);
    });
  });

  it('finds its own instances through a ModuleRef, as a request does', async () => {
    applyTenants();
    const { scopes } = await startContext({ providers: [TenantPool, Ledger] });

    await scopes.run(
      async (scope) => {
        const ledger = await scope.resolve(Ledger);
        const contextId = ContextIdFactory.getByRequest(scope as never);

        expect(await ledger.moduleRef.resolve(Ledger, contextId)).toBe(ledger);
        expect(await ledger.moduleRef.resolve(TenantPool, contextId)).toBe(ledger.pool);
      },
      { context: { tenant: 'acme' } },
    );

    expect(timeline.events).toEqual(['ledger disposed']);
  });

  it('has the context of the named task that it runs in, unless it is given one', async () => {
    const { scopes } = await startContext({ providers: [NestingHandler] });

    await scopes.run(({ tasks }) => void tasks.enqueue(Nesting, 'inherit'), { context: { tenant: 'acme' } });
    await scopes.run(({ tasks }) => void tasks.enqueue(Nesting, 'replace'), { context: { tenant: 'acme' } });

    expect(timeline.events).toEqual(['{"tenant":"acme"}', '"replaced"']);
  });

  it.each<{ context: JsonValue | undefined; captured: JsonValue }>([
    { context: { tenant: 'acme' }, captured: { tenant: 'acme' } },
    { context: null, captured: null },
    { context: undefined, captured: 'of captureContext' },
  ])('hands its context $context on to what it enqueues, in place of captureContext', async ({ context, captured }) => {
    const backend = new MemoryBackend();
    const { scopes } = await startContext({
      imports: [memoryBackendModule(backend)],
      providers: [NestingHandler],
      options: { captureContext: () => 'of captureContext' },
    });

    await scopes.run(
      ({ tasks }) => void tasks.enqueue(Nesting, 'inherit'),
      context === undefined ? undefined : { context },
    );

    expect(backend.batches[0]![0]!.envelope.context).toEqual({ captured });
  });

  it('refuses a context that cannot travel where a task is to take it along, and says so', async () => {
    const { scopes } = await startContext({ providers: [NestingHandler] });
    const context = { at: new Date(0) } as unknown as JsonValue;

    const running = scopes.run(({ tasks }) => void tasks.enqueue(Nesting, 'inherit'), { context });

    await expect(running).rejects.toMatchObject({ code: 'INVALID_PAYLOAD', path: '$.at' });
    await expect(running).rejects.toThrow('The context of TaskScopes.run() for task "nesting"');
  });

  it.each([
    { options: { contxt: {} }, named: '"TaskScopes.run.contxt"' },
    { options: null, named: '"TaskScopes.run"' },
    { options: 'acme', named: '"TaskScopes.run"' },
  ])('refuses the options $options', async ({ options, named }) => {
    const { scopes } = await startContext();

    const running = scopes.run(() => timeline.note('work'), options as object);

    await expect(running).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(running).rejects.toThrow(named);
    expect(timeline.events).toEqual([]);
  });

  it('rejects with the error of a strategy that does not know it, and needs none for singletons', async () => {
    applyTenants((origin) => (origin as { headers: Record<string, string> }).headers['x-tenant']!);
    const { scopes } = await startContext({ providers: [TenantPool, { provide: 'single', useValue: 1 }] });

    const single = scopes.run(({ resolve }) => resolve('single'));
    const pool = scopes.run(({ resolve }) => resolve(TenantPool));

    await expect(single).resolves.toBe(1);
    await expect(pool).rejects.toThrow(new TypeError("Cannot read properties of undefined (reading 'x-tenant')"));
  });
});

describe.each(platforms)('B21 durable providers in a request on $name', (platform) => {
  it('are found by @Resource(), which gives the request the payload of the strategy as Nest does', async () => {
    applyTenants();
    const { app, url } = await startApp(platform, {
      controllers: [AcquiringController, InjectingController],
      providers: [TenantPool, ofTenant],
    });

    const answers: string[] = [];
    for (const path of ['acquiring', 'injecting', 'acquiring']) {
      answers.push((await fetchText(`${url}/${path}`, { headers: { 'x-tenant': 'acme' } })).body);
    }
    await settled(app);

    expect(answers).toEqual(['acme for acme', 'acme for acme', 'acme for acme']);
    expect(TenantPool.made).toHaveLength(1);
  });

  it('leave the guards of a durable controller to their request: its tasks, its disposal', async () => {
    applyTenants();
    const { app, url } = await startApp(platform, {
      controllers: [DurableController],
      providers: [TenantPool, Ledger, ofTenant],
    });

    const answers: string[] = [];
    for (const path of ['', '/resolved']) {
      answers.push((await fetchText(`${url}/durable${path}`, { headers: { 'x-tenant': 'acme' } })).body);
      await settled(app);
    }

    expect(answers).toEqual(['acme', 'acme']);
    expect(timeline.events).toEqual([
      'task of the guard',
      'guard disposed',
      'task of the guard',
      'ledger disposed',
      'guard disposed',
    ]);
    expect(TenantPool.made).toHaveLength(1);
  });

  it('use the tasks of each request through BackgroundTasksRef, and what they are handed', async () => {
    applyTenants();
    const { app, url } = await startApp(platform, {
      controllers: [UsingController],
      providers: [TenantPool, DurableUser, ofTenant],
    });

    const answers: string[] = [];
    for (const path of ['using', 'using']) {
      answers.push((await fetchText(`${url}/${path}`, { headers: { 'x-tenant': 'acme' } })).body);
      await settled(app);
    }

    expect(answers).toEqual(['acme, use 1', 'acme, use 2']);
    expect(timeline.events).toEqual(['task of use 1', 'task of use 2']);
  });

  it.each(refused())('stop the start where $name, and say how', async ({ path, controllers = [], providers = [] }) => {
    const starting = startApp(platform, { controllers, providers });

    await expect(starting).rejects.toMatchObject({ code: 'DURABLE_DEPENDENCY' });
    await expect(starting).rejects.toThrow(path);
  });
});

describe('B21 durable providers that inject what belongs to one request', () => {
  it.each(refused())('stop the start of an application context where $name', async ({ path, ...parts }) => {
    const starting = startContext(parts);

    await expect(starting).rejects.toMatchObject({ code: 'DURABLE_DEPENDENCY' });
    await expect(starting).rejects.toThrow(path);
  });

  it.each(refused({ scope: Scope.REQUEST }))('start once they are not durable, where $name', async (parts) => {
    await expect(startContext(parts)).resolves.toBeDefined();
  });

  it('stop the start in a test that overrides BackgroundTasks, too', async () => {
    const providers = refused()[0]!.providers!;

    const starting = startApp(platforms[0]!, {
      providers,
      override: (builder) => builder.overrideProvider(BackgroundTasks).useValue({}),
    });

    await expect(starting).rejects.toMatchObject({ code: 'DURABLE_DEPENDENCY' });
  });
});

/** Modules in which something durable holds what ends with the request that it was built for. */
function refused(
  durable: object = { scope: Scope.REQUEST, durable: true },
): (ModuleMetadata & { readonly name: string; readonly path: string })[] {
  const factory = (provide: string, inject: unknown[], options: object = { scope: Scope.REQUEST }) =>
    ({ provide, inject, ...options, useFactory: () => ({}) }) as Provider;
  @Injectable(durable)
  class ByProperty {
    @Inject(BackgroundTasks) readonly tasks!: BackgroundTasks;
  }
  @Controller(durable)
  class DurableTasksController {
    constructor(readonly tasks: BackgroundTasks) {}
  }
  return [
    {
      name: 'one injects BackgroundTasks',
      path: 'A → BackgroundTasks',
      providers: [factory('A', [BackgroundTasks], durable)],
    },
    { name: 'a property of one is BackgroundTasks', path: 'ByProperty → BackgroundTasks', providers: [ByProperty] },
    {
      name: 'one injects a service that injects BackgroundTasks',
      path: 'A → B → BackgroundTasks',
      providers: [factory('A', ['B'], durable), factory('B', [BackgroundTasks], {})],
    },
    {
      name: 'one injects a transient that injects BackgroundTasks',
      path: 'A → B → BackgroundTasks',
      providers: [factory('A', ['B'], durable), factory('B', [BackgroundTasks], { scope: Scope.TRANSIENT })],
    },
    {
      name: 'one injects a resource by its alias',
      path: 'A → session',
      providers: [factory('A', ['alias'], durable), { provide: 'alias', useExisting: 'session' }, session],
    },
    {
      name: 'one injects a class with a disposer',
      path: 'A → Ledger',
      providers: [factory('A', [Ledger], durable), Ledger, TenantPool],
    },
    {
      name: 'a controller injects BackgroundTasks',
      path: 'DurableTasksController → BackgroundTasks',
      controllers: [DurableTasksController],
    },
  ];
}

const session = provideResource({
  provide: 'session',
  async *useFactory() {
    yield {};
  },
});

const ofTenant = provideResource({
  provide: 'of tenant',
  inject: [TenantPool],
  async *useFactory(pool: TenantPool) {
    yield pool.tenant;
  },
});

@Injectable({ scope: Scope.REQUEST })
class Ledger {
  constructor(
    readonly pool: TenantPool,
    @Inject(REQUEST) readonly request: { readonly tenant: string },
    readonly moduleRef: ModuleRef,
  ) {}

  onRequestDispose(): void {
    timeline.note('ledger disposed');
  }
}

const Nesting = defineTask<string>({ name: 'nesting' });

@TaskHandler(Nesting)
class NestingHandler implements Handles<typeof Nesting> {
  constructor(private readonly scopes: TaskScopes) {}

  async run(what: string): Promise<void> {
    const options = what === 'replace' ? { context: 'replaced' } : undefined;
    await this.scopes.run(({ context }) => timeline.note(JSON.stringify(context)), options);
  }
}

type TenantRequest = { readonly tenant: string; readonly raw?: { readonly tenant: string } };

@Controller('acquiring')
class AcquiringController {
  @Get()
  get(@Resource('of tenant') tenant: string, @Req() request: TenantRequest) {
    return `${tenant} for ${request.tenant}`;
  }
}

@Controller('injecting')
class InjectingController {
  constructor(@Inject('of tenant') private readonly tenant: string) {}

  @Get()
  get(@Req() request: TenantRequest) {
    return `${this.tenant} for ${request.tenant}`;
  }
}

@Injectable({ scope: Scope.REQUEST })
class TaskGuard implements CanActivate {
  constructor(private readonly tasks: BackgroundTasks) {}

  canActivate(): boolean {
    this.tasks.addTask(() => timeline.note('task of the guard'));
    return true;
  }

  onRequestDispose(): void {
    timeline.note('guard disposed');
  }
}

@UseGuards(TaskGuard)
@Controller({ path: 'durable', scope: Scope.REQUEST, durable: true })
class DurableController {
  constructor(
    private readonly pool: TenantPool,
    private readonly moduleRef: ModuleRef,
  ) {}

  @Get()
  get(@Resource('of tenant') tenant: string, @Tasks() tasks: BackgroundTasks) {
    return tasks.pending.length === 1 ? tenant : 'no task';
  }

  @Get('resolved')
  async resolved(@Req() request: object) {
    const { pool } = await this.moduleRef.resolve(Ledger, ContextIdFactory.getByRequest(request as never));
    return pool === this.pool ? pool.tenant : 'another pool';
  }
}

@Injectable({ scope: Scope.REQUEST, durable: true })
class DurableUser {
  uses = 0;

  constructor(private readonly ref: BackgroundTasksRef) {}

  use(tenant: string): string {
    const use = ++this.uses;
    this.ref.current.addTask(() => timeline.note(`task of use ${use}`));
    return `${tenant}, use ${use}`;
  }
}

@Controller('using')
class UsingController {
  constructor(private readonly user: DurableUser) {}

  @Get()
  get(@Resource('of tenant') tenant: string) {
    return this.user.use(tenant);
  }
}
