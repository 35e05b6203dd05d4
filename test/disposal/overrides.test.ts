import { Controller, Get, Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import type { TestingModuleBuilder } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { provideResource, Resource } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { useTimeline } from '../support/timeline.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';

const timeline = useTimeline();

describe.each(platforms)('B25 an overridden provider on $name', (platform) => {
  it('is not disposed of when it is a value', async () => {
    const { body } = await visit(platform, '/service', (builder) =>
      builder.overrideProvider(Service).useValue(new Override()),
    );

    expect(body).toBe('Override');
    expect(timeline.events).toEqual([]);
  });

  it('is not disposed of when a plain factory returned it', async () => {
    const { body } = await visit(platform, '/service', (builder) =>
      builder
        .overrideProvider(Service)
        .useFactory({ factory: (_request: unknown) => new Override(), inject: [REQUEST] }),
    );

    expect(body).toBe('Override');
    expect(timeline.events).toEqual([]);
  });

  it('is disposed of when it is a request-scoped class', async () => {
    const { body } = await visit(platform, '/service', (builder) =>
      builder.overrideProvider(Service).useClass(Override),
    );

    expect(body).toBe('Override');
    expect(timeline.events).toEqual(['Override disposed']);
  });

  it('is not disposed of when it is a class of the default scope', async () => {
    const { body } = await visit(platform, '/service', (builder) =>
      builder.overrideProvider(Service).useClass(Singleton),
    );

    expect(body).toBe('Singleton');
    expect(timeline.events).toEqual([]);
  });
});

describe.each(platforms)('B25 an overridden resource on $name', (platform) => {
  it.each(['/injected', '/acquired'])('gives %s the value in its place, and is left alone', async (path) => {
    const { body } = await visit(platform, path, (builder) =>
      builder.overrideProvider('session').useValue(new Override()),
    );

    expect(body).toBe('Override');
    expect(timeline.events).toEqual([]);
  });

  it.each(['/injected', '/acquired'])('gives %s what a plain factory returns, and is left alone', async (path) => {
    const { body } = await visit(platform, path, (builder) =>
      builder.overrideProvider('session').useFactory({ factory: () => new Override() }),
    );

    expect(body).toBe('Override');
    expect(timeline.events).toEqual([]);
  });

  it.each(['/injected', '/acquired'])(
    'gives %s an instance of the class in its place, and disposes of it',
    async (path) => {
      const { body } = await visit(platform, path, (builder) => builder.overrideProvider('session').useClass(Override));

      expect(body).toBe('Override');
      expect(timeline.events).toEqual(['Override disposed']);
    },
  );

  it.each(['/injected', '/acquired'])('gives %s another resource in its place, and exits that', async (path) => {
    const { useFactory, inject } = provideResource({
      provide: 'session',
      async *useFactory() {
        yield new Override();
        timeline.note('other resource exited');
      },
    });

    const { body } = await visit(platform, path, (builder) =>
      builder.overrideProvider('session').useFactory({ factory: useFactory, inject: inject as never[] }),
    );

    expect(body).toBe('Override');
    expect(timeline.events).toEqual(['other resource exited']);
  });
});

async function visit(
  platform: Platform,
  path: string,
  override: (builder: TestingModuleBuilder) => TestingModuleBuilder,
) {
  const session = provideResource({
    provide: 'session',
    async *useFactory() {
      timeline.note('original opened');
      yield 'original';
      timeline.note('original exited');
    },
  });
  const { app, url } = await startApp(platform, {
    controllers: [ServiceController, InjectedController, AcquiredController],
    providers: [Service, session],
    override,
  });
  const response = await fetchText(url + path);
  await settled(app);
  return response;
}

@Injectable({ scope: Scope.REQUEST })
class Service implements Disposable {
  constructor() {
    timeline.note('original constructed');
  }

  [Symbol.dispose]() {
    timeline.note('original disposed');
  }
}

@Injectable({ scope: Scope.REQUEST })
class Override implements AsyncDisposable {
  async [Symbol.asyncDispose]() {
    timeline.note('Override disposed');
  }
}

@Injectable()
class Singleton implements Disposable {
  [Symbol.dispose]() {
    timeline.note('Singleton disposed');
  }
}

@Controller('service')
class ServiceController {
  constructor(private readonly service: Service) {}

  @Get()
  get() {
    return this.service.constructor.name;
  }
}

@Controller('injected')
class InjectedController {
  constructor(@Inject('session') private readonly session: object) {}

  @Get()
  get() {
    return this.session.constructor.name;
  }
}

@Controller('acquired')
class AcquiredController {
  @Get()
  get(@Resource('session') session: object) {
    return session.constructor.name;
  }
}
