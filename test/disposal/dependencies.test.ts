import { Controller, forwardRef, Get, Inject, Injectable, Module, Optional, Scope } from '@nestjs/common';
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
import { platforms, startApp } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';

const timeline = useTimeline();

describe.each(platforms)('B22 what only the injector can give a resource on $name', (platform) => {
  const visit = async (path: string, headers = {}, ...more: Parameters<typeof startApp>[1][]) => {
    const { app, url } = await startApp(platform, {
      controllers: [AcquiringController, InjectingController, InjectingLookupController],
      providers: [Transient, Own, left, right, both, lookup],
      ...more[0],
    });
    const { body } = await fetchText(url + path, { headers });
    await settled(app);
    return { body, app, url };
  };

  it.each(['/acquired', '/injected'])('gives each resource a transient of its own: %s', async (path) => {
    const { body } = await visit(path);

    expect(body).toBe('different');
    expect(timeline.events).toEqual(['both closed', 'right closed', 'left closed', 'transient', 'transient']);
  });

  it.each(['/acquired', '/injected'])(
    'gives a ModuleRef that resolves what belongs to the request: %s',
    async (path) => {
      const { body } = await visit(`${path}/lookup`, { 'x-user': 'ada' });

      expect(body).toBe('ada, the request’s own');
      expect(timeline.events).toEqual(['lookup closed', 'own of ada']);
    },
  );

  it.each(['/acquired', '/injected'])('shares a durable provider between requests: %s', async (path) => {
    applyTenantStrategy();
    const { app, url } = await startApp(platform, {
      controllers: [AcquiringTenantController, InjectingTenantController],
      providers: [Tenant, ofTenant],
    });

    const numbers = [];
    for (const tenant of ['a', 'b', 'a']) {
      const { body } = await fetchText(`${url}${path}/tenant`, { headers: { 'x-tenant': tenant } });
      numbers.push(body);
    }
    await settled(app);

    expect(numbers[0]).toBe(numbers[2]);
    expect(numbers[0]).not.toBe(numbers[1]);
    expect(timeline.events).toEqual(['of tenant closed', 'of tenant closed', 'of tenant closed']);
  });

  it.each(['/acquired', '/injected'])('gives it to a resource that two modules provide: %s', async (path) => {
    @Module({ providers: [Transient, Own, left], exports: ['left'] })
    class OtherModule {}

    const { body } = await visit(path, {}, { imports: [OtherModule] });

    expect(body).toBe('different');
  });

  it.each(['/acquired', '/injected'])('gives it the other half of a circle of classes: %s', async (path) => {
    const { app, url } = await startApp(platform, {
      controllers: [AcquiringCircleController, InjectingCircleController],
      providers: [Ping, Pong, within],
    });

    const { body } = await fetchText(`${url}${path}/circle`);
    await settled(app);

    expect(body).toBe('ping pong ping');
    expect(timeline.events).toContain('within closed');
  });

  it('gives it the placeholder of a class that injects the resource in its turn', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [AcquiringCircleController],
      providers: [Ping, Pong, { provide: 'third', useExisting: 'within' }, within],
    });

    const { body } = await fetchText(`${url}/acquired/circle`);
    await settled(app);

    expect(body).toBe('ping pong ping');
  });

  it.each(['/acquired', '/injected'])('gives it what a test puts in the place of BackgroundTasks: %s', async (path) => {
    const made: RecordingBackgroundTasks[] = [];
    const { app, url } = await startApp(platform, {
      controllers: [AcquiringTasksController, InjectingTasksController],
      providers: [withTask],
      override: (builder) =>
        builder.overrideProvider(BackgroundTasks).useFactory({
          factory: () => {
            made.push(new RecordingBackgroundTasks());
            return made.at(-1);
          },
        }),
    });

    await fetchText(`${url}${path}/tasks`);
    await settled(app);

    expect(made.map(({ added }) => added.length)).toEqual([1]);
  });

  it('fails the request with the error of a dependency, and disposes of the others', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [BrokenController],
      providers: [broken, { provide: 'broken input', scope: Scope.REQUEST, useFactory: failing }, open, Transient],
    });

    const { status } = await fetchText(`${url}/broken`);
    await settled(app);

    expect(status).toBe(500);
    expect(timeline.events.toSorted()).toEqual(['open closed', 'transient']);
  });
});

describe('B22 what only the injector can give a resource without a server', () => {
  it('reaches a unit of work', async () => {
    const { app } = await startContext({ providers: [Transient, Own, left, right, both] });

    await expect(app.get(TaskScopes).run(isDifferent)).resolves.toBe(true);
    expect(timeline.events).toEqual(['both closed', 'right closed', 'left closed', 'transient', 'transient']);
  });

  it('reaches a unit of work of an application that was never initialised', async () => {
    const module = await Test.createTestingModule({
      imports: [BackgroundTasksModule.forRoot()],
      providers: [Transient, Own, left, right, both],
    }).compile();
    onTestFinished(() => module.close());

    await expect(module.get(TaskScopes).run(isDifferent)).resolves.toBe(true);
  });

  it('reaches a resource of a module that is loaded later', async () => {
    @Module({ providers: [Transient, Own, left, right, both] })
    class LateModule {}
    const { app } = await startContext({});
    await app.get(LazyModuleLoader).load(() => LateModule);

    await expect(app.get(TaskScopes).run(isDifferent)).resolves.toBe(true);
    expect(timeline.events).toEqual(['both closed', 'right closed', 'left closed', 'transient', 'transient']);
  });
});

async function isDifferent({ resolve }: { resolve: (token: string) => Promise<unknown> }): Promise<boolean> {
  const [one, other] = (await resolve('both')) as [Transient, Transient];
  return one instanceof Transient && other instanceof Transient && one !== other;
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

/** An interface, as the class of the other half does not exist yet where it is named. */
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
  @Inject('third') @Optional() readonly third: unknown;
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
const ofTenant = resource('of tenant', [Tenant], (tenant: Tenant) => tenant.number);
const within = resource('within', [Ping], (ping: Ping) => ping);
const withTask = resource('tasked', [BackgroundTasks], (tasks: BackgroundTasks) => tasks.addTask(() => undefined));
const open = resource('open', [], () => 'open');
const broken = resource('broken', ['open', 'broken input', Transient], () => 'never');
const lookup = resource(
  'lookup',
  [ModuleRef, REQUEST, Own],
  async (moduleRef: ModuleRef, request: object, own: Own) => {
    const found = await moduleRef.resolve(Own, ContextIdFactory.getByRequest(request as never));
    return `${found.request.headers['x-user']}, ${found === own ? 'the request’s own' : 'another'}`;
  },
);

const compare = ([one, other]: unknown[]) => (one === other ? 'the same' : 'different');

@Controller('acquired')
class AcquiringController {
  @Get()
  get(@Resource('both') pair: unknown[]) {
    return compare(pair);
  }

  @Get('lookup')
  lookup(@Resource('lookup') found: unknown) {
    return found;
  }
}

@Controller('injected')
class InjectingController {
  constructor(@Inject('both') private readonly pair: unknown[]) {}

  @Get()
  get() {
    return compare(this.pair);
  }
}

@Controller('injected/lookup')
class InjectingLookupController {
  constructor(@Inject('lookup') private readonly found: unknown) {}

  @Get()
  get() {
    return this.found;
  }
}

@Controller('acquired/tenant')
class AcquiringTenantController {
  @Get()
  get(@Resource('of tenant') number: number) {
    return String(number);
  }
}

@Controller('injected/tenant')
class InjectingTenantController {
  constructor(@Inject('of tenant') private readonly number: number) {}

  @Get()
  get() {
    return String(this.number);
  }
}

@Controller('acquired/circle')
class AcquiringCircleController {
  @Get()
  get(@Resource('within') ping: Ping) {
    return [ping.name, ping.pong.name, ping.pong.ping?.name].join(' ');
  }
}

@Controller('injected/circle')
class InjectingCircleController {
  constructor(@Inject('within') private readonly ping: Ping) {}

  @Get()
  get() {
    return [this.ping.name, this.ping.pong.name, this.ping.pong.ping?.name].join(' ');
  }
}

@Controller('acquired/tasks')
class AcquiringTasksController {
  @Get()
  get(@Resource('tasked') _tasked: unknown) {
    return 'ok';
  }
}

@Controller('injected/tasks')
class InjectingTasksController {
  constructor(@Inject('tasked') readonly tasked: unknown) {}

  @Get()
  get() {
    return 'ok';
  }
}

@Controller('broken')
class BrokenController {
  @Get()
  get(@Resource('broken') _broken: unknown) {
    return 'never';
  }
}

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
