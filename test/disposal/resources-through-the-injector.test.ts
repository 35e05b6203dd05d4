import { Controller, Get, Inject, Injectable, Scope } from '@nestjs/common';
import { ModuleRef, REQUEST } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { BackgroundTasks, type OnRequestDispose, provideResource, Resource } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { platforms, startApp } from '../support/platforms.js';

const timeline = useTimeline();

describe.each(platforms)('B22 resources that inject other request-scoped providers on $name', (platform) => {
  const start = () =>
    startApp(platform, {
      controllers: [SingletonController, ScopedController],
      providers: [Tenant, Plain, session, deeper],
    });

  it('are given to a handler of a singleton controller', async () => {
    SingletonController.constructed = 0;
    const { app, url } = await start();

    const { body } = await fetchText(`${url}/singleton`, { headers: { 'x-tenant': 'acme' } });
    await fetchText(`${url}/singleton`);
    await settled(app);

    expect(body).toBe('session of acme');
    expect(SingletonController.constructed).toBe(1);
  });

  it('are disposed of with what they inject, dependents first, after the tasks', async () => {
    const { app, url } = await start();

    await fetchText(`${url}/singleton/deeper`, { headers: { 'x-tenant': 'acme' } });
    await settled(app);

    expect(timeline.events).toEqual(['task of tenant', 'deeper closed', 'session closed', 'tenant disposed']);
  });

  it('are the instance that constructor injection gives, and inject the request’s own instances', async () => {
    const { app, url } = await start();

    const { body } = await fetchText(`${url}/scoped`, { headers: { 'x-tenant': 'acme' } });
    await settled(app);

    expect(body).toBe('the same');
    expect(timeline.events).toEqual(['task of tenant', 'session closed', 'tenant disposed']);
  });

  it('share one instance between two parameters of a singleton’s handler', async () => {
    const { app, url } = await start();

    const { body } = await fetchText(`${url}/singleton/twice`, { headers: { 'x-tenant': 'acme' } });
    await settled(app);

    expect(body).toBe('the same');
    expect(timeline.events.filter((entry) => entry === 'tenant disposed')).toHaveLength(1);
  });
});

describe.each(platforms)('B22 @Resource() of something that is no resource on $name', (platform) => {
  it('gives the request’s instance of a request-scoped class, which is disposed of', async () => {
    const { app, url } = await startApp(platform, { controllers: [PlainController], providers: [Tenant, Plain] });

    const { body } = await fetchText(`${url}/plain`, { headers: { 'x-tenant': 'acme' } });
    await settled(app);

    expect(body).toBe('acme and a singleton');
    expect(timeline.events).toEqual(['task of tenant', 'tenant disposed']);
  });
});

@Injectable()
class Plain {
  readonly name = 'a singleton';
}

@Injectable({ scope: Scope.REQUEST })
class Tenant implements OnRequestDispose {
  readonly name: string;

  constructor(
    @Inject(REQUEST) request: { headers: Record<string, string> },
    tasks: BackgroundTasks,
    readonly moduleRef: ModuleRef,
  ) {
    this.name = request.headers['x-tenant'] ?? 'nobody';
    tasks.addTask(() => timeline.note('task of tenant'));
  }

  onRequestDispose() {
    timeline.note('tenant disposed');
  }
}

class Session {
  constructor(readonly tenant: Tenant) {}
}

const session = provideResource({
  provide: Session,
  inject: [Tenant],
  async *useFactory(tenant: Tenant) {
    yield new Session(tenant);
    timeline.note('session closed');
  },
});

const deeper = provideResource({
  provide: 'deeper',
  inject: [Session, Plain],
  async *useFactory(inner: Session, plain: Plain) {
    yield { inner, plain };
    timeline.note('deeper closed');
  },
});

@Controller('singleton')
class SingletonController {
  static constructed = 0;

  constructor() {
    SingletonController.constructed++;
  }

  @Get()
  get(@Resource(Session) { tenant }: Session) {
    return `session of ${tenant.name}`;
  }

  @Get('deeper')
  deeper(@Resource('deeper') { inner }: { inner: Session }) {
    return inner.tenant.name;
  }

  @Get('twice')
  twice(@Resource('deeper') { inner }: { inner: Session }, @Resource(Session) other: Session) {
    return inner === other && inner.tenant === other.tenant ? 'the same' : 'different';
  }
}

@Controller('scoped')
class ScopedController {
  constructor(
    private readonly tenant: Tenant,
    private readonly injected: Session,
  ) {}

  @Get()
  get(@Resource(Session) acquired: Session) {
    return acquired === this.injected && acquired.tenant === this.tenant ? 'the same' : 'different';
  }
}

@Controller('plain')
class PlainController {
  @Get()
  get(@Resource(Tenant) tenant: Tenant, @Resource(Plain) plain: Plain) {
    return `${tenant.name} and ${plain.name}`;
  }
}
