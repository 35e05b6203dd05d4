import { Controller, Get, Inject, Injectable, Scope } from '@nestjs/common';
import { type ContextId, ContextIdFactory, type ContextIdStrategy, type HostComponentInfo } from '@nestjs/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasksHost, Tasks, type BackgroundTasks } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';

const timeline = useTimeline();

describe.each(platforms)('B21 what is not disposed on $name', (platform) => {
  it('leaves singletons, values and what plain factories return alone', async () => {
    const pool = new Pool();
    const { app, url } = await startApp(platform, {
      controllers: [MixedController],
      providers: [
        Singleton,
        Request,
        { provide: 'value', useValue: new Pool() },
        { provide: 'factory', useFactory: () => pool },
        { provide: 'request factory', scope: Scope.REQUEST, useFactory: () => pool },
        { provide: 'factory over request', inject: [Request], useFactory: () => pool },
        { provide: 'async factory', scope: Scope.REQUEST, useFactory: async () => pool },
      ],
    });

    const { status } = await fetchText(`${url}/mixed`);
    await settled(app);

    expect(status).toBe(200);
    expect(timeline.events).toEqual(['Request']);
  });

  it('leaves transients of singletons alone', async () => {
    const { app, url } = await startApp(platform, {
      controllers: [OwnerController],
      providers: [Owner, Transient, OuterTransient, Request],
    });

    const { body } = await fetchText(`${url}/owner`);
    await settled(app);

    expect(body).toBe('owned');
    expect(timeline.events).toEqual(['Request']);
  });

  it('leaves durable providers, and transients under them, alone', async () => {
    applyDurableStrategy();
    const { app, url } = await startApp(platform, {
      controllers: [TenantController],
      providers: [Durable, Transient, OuterTransient, Request],
    });

    const bodies = await Promise.all([fetchText(`${url}/tenant`), fetchText(`${url}/tenant`)]);
    await settled(app);
    bodies.push(await fetchText(`${url}/tenant`));
    await settled(app);

    expect(new Set(bodies.map(({ body }) => body))).toEqual(new Set([bodies[0]?.body]));
    expect(timeline.events).toEqual(['Request', 'Request', 'Request']);
  });

  it('leaves a durable controller alone, and runs its tasks', async () => {
    applyDurableStrategy();
    const { app, url } = await startApp(platform, {
      controllers: [DurableController],
      providers: [Durable, Transient, OuterTransient],
    });

    const { body } = await fetchText(`${url}/durable`);
    await settled(app);

    expect(body).toBe('kept');
    expect(timeline.events).toEqual(['task']);
    expect(app.get(BackgroundTasksHost).stats().succeeded).toBe(1);
  });
});

/** One context for all requests of the one tenant there is. */
function applyDurableStrategy(): void {
  const tenant = ContextIdFactory.create();
  const strategy: ContextIdStrategy = {
    attach: (contextId: ContextId) => ({
      resolve: (info: HostComponentInfo) => (info.isTreeDurable ? tenant : contextId),
      payload: { tenant: 'only' },
    }),
  };
  ContextIdFactory.apply(strategy);
  // Nest keeps one strategy for the process, and without one does nothing.
  onTestFinished(() => ContextIdFactory.apply(undefined as unknown as ContextIdStrategy));
}

abstract class Noted implements Disposable {
  [Symbol.dispose]() {
    timeline.note(this.constructor.name);
  }
}

class Pool extends Noted {}

@Injectable()
class Singleton extends Noted {}

@Injectable({ scope: Scope.REQUEST })
class Request extends Noted {}

@Injectable({ scope: Scope.TRANSIENT })
class Transient extends Noted {}

@Injectable({ scope: Scope.TRANSIENT })
class OuterTransient extends Noted {
  constructor(readonly inner: Transient) {
    super();
  }
}

@Injectable()
class Owner {
  constructor(
    readonly transient: Transient,
    readonly outer: OuterTransient,
  ) {}
}

let durables = 0;

@Injectable({ scope: Scope.REQUEST, durable: true })
class Durable extends Noted {
  readonly number = ++durables;

  constructor(
    readonly transient: Transient,
    readonly outer: OuterTransient,
  ) {
    super();
  }
}

@Controller('mixed')
class MixedController {
  constructor(
    readonly singleton: Singleton,
    readonly request: Request,
    @Inject('value') readonly value: unknown,
    @Inject('factory') readonly factory: unknown,
    @Inject('request factory') readonly requestFactory: unknown,
    @Inject('factory over request') readonly factoryOverRequest: unknown,
    @Inject('async factory') readonly asyncFactory: unknown,
  ) {}

  @Get()
  get() {
    return 'ok';
  }
}

@Controller('owner')
class OwnerController {
  constructor(
    readonly owner: Owner,
    readonly request: Request,
  ) {}

  @Get()
  get() {
    return this.owner.transient && this.owner.outer.inner ? 'owned' : 'missing';
  }
}

@Controller('tenant')
class TenantController {
  constructor(
    private readonly durable: Durable,
    readonly request: Request,
  ) {}

  @Get()
  get() {
    return `durable ${this.durable.number}`;
  }
}

@Controller({ path: 'durable', scope: Scope.REQUEST, durable: true })
class DurableController extends Noted {
  constructor(readonly durable: Durable) {
    super();
  }

  @Get()
  get(@Tasks() tasks: BackgroundTasks) {
    tasks.addTask(() => timeline.note('task'));
    return 'kept';
  }
}
