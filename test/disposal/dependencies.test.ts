import { Controller, forwardRef, Get, Inject, Injectable, Module, Scope } from '@nestjs/common';
import {
  type ContextId,
  ContextIdFactory,
  type ContextIdStrategy,
  type HostComponentInfo,
  LazyModuleLoader,
  ModuleRef,
  REQUEST,
} from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasks, BackgroundTasksModule, provideResource, Resource, TaskScopes } from '../../src/index.js';
import { RecordingBackgroundTasks, settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { type AppSettings, type Platform, platforms, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';

const timeline = useTimeline();
const ways = ['acquired', 'injected'];

describe.each(platforms)('B22 what only the injector can give a resource on $name', (platform) => {
  it.each(ways)('is a transient of its own for each: %s', async (way) => {
    const visit = await visitor(platform, 'both', { providers: pair });

    const body = await visit(way);

    expect(body).toBe('different');
    expect(timeline.events).toEqual(['both closed', 'right closed', 'left closed', 'transient', 'transient']);
  });

  it.each(ways)('is a ModuleRef that resolves what belongs to the request: %s', async (way) => {
    const visit = await visitor(platform, 'lookup', { providers: [Own, lookup] });

    const body = await visit(way, { 'x-user': 'ada' });

    expect(body).toBe('ada, the request’s own');
    expect(timeline.events).toEqual(['lookup closed', 'own of ada']);
  });

  it.each(ways)('is a durable provider that requests share: %s', async (way) => {
    applyTenantStrategy();
    const visit = await visitor(platform, 'of tenant', { providers: [Tenant, ofTenant] });

    const first = await visit(way, { 'x-tenant': 'a' });
    const other = await visit(way, { 'x-tenant': 'b' });
    const again = await visit(way, { 'x-tenant': 'a' });

    expect(again).toBe(first);
    expect(other).not.toBe(first);
    expect(timeline.events).toEqual(['of tenant closed', 'of tenant closed', 'of tenant closed']);
  });

  it.each(ways)('is found where two modules provide the resource: %s', async (way) => {
    @Module({ providers: [Transient, left], exports: ['left'] })
    class OtherModule {}
    const visit = await visitor(platform, 'both', { imports: [OtherModule], providers: pair });

    const body = await visit(way);

    expect(body).toBe('different');
  });

  it.each(ways)('is a class of a circle: %s', async (way) => {
    const visit = await visitor(platform, 'within', { providers: [Ping, Pong, within] });

    const body = await visit(way);

    expect(body).toBe('ping pong ping');
    expect(timeline.events).toEqual(['within closed']);
  });

  it.each(ways)('B25 is what a test puts in the place of BackgroundTasks: %s', async (way) => {
    const made: RecordingBackgroundTasks[] = [];
    const factory = () => {
      const tasks = new RecordingBackgroundTasks();
      made.push(tasks);
      return tasks;
    };
    const visit = await visitor(platform, 'adding', {
      providers: [adding],
      override: (builder) => builder.overrideProvider(BackgroundTasks).useFactory({ factory }),
    });

    await visit(way);

    expect(made.map(({ added }) => added.length)).toEqual([1]);
  });

  it.each(ways)('fails the request when it cannot be built, and the others are disposed of: %s', async (way) => {
    const input = { provide: 'input', scope: Scope.REQUEST, useFactory: failing };
    const visit = await visitor(platform, 'broken', { providers: [...pair, input, broken] });

    const body = await visit(way);

    expect(JSON.parse(body)).toMatchObject({ statusCode: 500 });
    expect(timeline.events.toSorted()).toEqual(['left closed', 'transient', 'transient']);
  });
});

describe('B22 what only the injector can give a resource without a server', () => {
  it('reaches a unit of work', async () => {
    const { app } = await startContext({ providers: pair });

    await expect(app.get(TaskScopes).run(compareBoth)).resolves.toBe('different');
    expect(timeline.events).toEqual(['both closed', 'right closed', 'left closed', 'transient', 'transient']);
  });

  it('reaches a unit of work of an application that was never initialised', async () => {
    const imports = [BackgroundTasksModule.forRoot()];
    const module = await Test.createTestingModule({ imports, providers: pair }).compile();
    onTestFinished(() => module.close());

    await expect(module.get(TaskScopes).run(compareBoth)).resolves.toBe('different');
  });

  it('reaches a resource of a module that is loaded later', async () => {
    @Module({ providers: pair })
    class LateModule {}
    const { app } = await startContext({});
    await app.get(LazyModuleLoader).load(() => LateModule);

    await expect(app.get(TaskScopes).run(compareBoth)).resolves.toBe('different');
    expect(timeline.events).toEqual(['both closed', 'right closed', 'left closed', 'transient', 'transient']);
  });
});

/** Starts an application with two controllers, one of which acquires the resource while the other injects it. */
async function visitor(platform: Platform, token: string, settings: AppSettings) {
  @Controller('acquired')
  class AcquiringController {
    @Get()
    get(@Resource(token) value: unknown) {
      return show(value);
    }
  }
  @Controller('injected')
  class InjectingController {
    constructor(@Inject(token) private readonly value: unknown) {}
    @Get()
    get() {
      return show(this.value);
    }
  }
  const { app, url } = await startApp(platform, {
    ...settings,
    controllers: [AcquiringController, InjectingController],
  });
  return async (way: string, headers: Record<string, string> = {}) => {
    const { body } = await fetchText(`${url}/${way}`, { headers });
    await settled(app);
    return body;
  };
}

function show(value: unknown): string {
  if (value instanceof Ping) return [value.name, value.pong.name, value.pong.ping?.name].join(' ');
  if (!Array.isArray(value)) return String(value);
  const [one, other] = value as unknown[];
  return one instanceof Transient && one !== other ? 'different' : 'the same';
}

async function compareBoth({ resolve }: { resolve: (token: string) => Promise<unknown> }): Promise<string> {
  return show(await resolve('both'));
}

async function failing() {
  throw new Error('no input');
}

@Injectable({ scope: Scope.TRANSIENT })
class Transient implements Disposable {
  [Symbol.dispose]() {
    timeline.note('transient');
  }
}

@Injectable({ scope: Scope.REQUEST })
class Own implements Disposable {
  constructor(@Inject(REQUEST) readonly request: { headers: Record<string, string> }) {}

  [Symbol.dispose]() {
    timeline.note(`own of ${this.request.headers['x-user']}`);
  }
}

@Injectable({ scope: Scope.REQUEST, durable: true })
class Tenant implements Disposable {
  static made = 0;
  readonly number = ++Tenant.made;

  [Symbol.dispose]() {
    timeline.note('tenant');
  }
}

/** A class cannot name the type of a property by a class that stands below it. */
interface Half {
  readonly name: string;
  readonly ping?: Half;
}

@Injectable({ scope: Scope.REQUEST })
class Ping {
  @Inject(forwardRef(() => Pong)) readonly pong!: Half;
  readonly name = 'ping';
}

@Injectable({ scope: Scope.REQUEST })
class Pong {
  @Inject(forwardRef(() => Ping)) readonly ping!: Half;
  readonly name = 'pong';
}

const resource = (provide: string, inject: unknown[], value: (...inject: never[]) => unknown) =>
  provideResource({
    provide,
    inject: inject as never[],
    async *useFactory(...dependencies: never[]) {
      try {
        yield value(...dependencies);
      } finally {
        timeline.note(`${provide} closed`);
      }
    },
  });

const left = resource('left', [Transient], (transient) => transient);
const right = resource('right', [Transient], (transient) => transient);
const both = resource('both', ['left', 'right'], (...inner) => inner);
const pair = [Transient, left, right, both];
const ofTenant = resource('of tenant', [Tenant], (tenant: Tenant) => tenant.number);
const within = resource('within', [Ping], (ping: Ping) => ping);
const adding = resource('adding', [BackgroundTasks], (tasks: BackgroundTasks) => tasks.addTask(() => undefined));
const broken = resource('broken', ['left', 'input', Transient], () => 'never');
const lookup = resource(
  'lookup',
  [ModuleRef, REQUEST, Own],
  async (moduleRef: ModuleRef, request: object, own: Own) => {
    const found = await moduleRef.resolve(Own, ContextIdFactory.getByRequest(request as never));
    return `${found.request.headers['x-user']}, ${found === own ? 'the request’s own' : 'another'}`;
  },
);

/** Gives each tenant a context of its own. */
function applyTenantStrategy(): void {
  const contexts = new Map<unknown, ContextId>();
  const strategy: ContextIdStrategy = {
    attach(contextId: ContextId, request: { headers?: Record<string, string> }) {
      const tenant = request.headers?.['x-tenant'];
      const parent = contexts.get(tenant) ?? ContextIdFactory.create();
      contexts.set(tenant, parent);
      return (info: HostComponentInfo) => (info.isTreeDurable ? parent : contextId);
    },
  };
  ContextIdFactory.apply(strategy);
  // Nest keeps one strategy for the process, and without one does nothing.
  onTestFinished(() => ContextIdFactory.apply(undefined as unknown as ContextIdStrategy));
}
