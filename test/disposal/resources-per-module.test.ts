import {
  type CanActivate,
  Controller,
  type DynamicModule,
  type ExecutionContext,
  Get,
  Inject,
  Injectable,
  type ModuleMetadata,
  Req,
  Scope,
  type Type,
  UseGuards,
  VersioningType,
} from '@nestjs/common';
import { REQUEST, RouterModule } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { provideResource, Resource } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { type AppSettings, type Platform, platforms, startApp } from '../support/platforms.js';
import { useTimeline } from '../support/timeline.js';

const timeline = useTimeline();

describe.each(platforms)('B22 the resource of each module on $name', (platform) => {
  it('goes to the route of its module, where one controller class stands in two', async () => {
    const controllers = [SharedController];

    const answers = await ask(platform, { a: tenant('a', { controllers }), b: tenant('b', { controllers }) }, [
      '/a/shared',
      '/b/shared',
    ]);

    expect(answers).toEqual(['session of a', 'session of b']);
  });

  it('goes to the requests of its route while those of the other are under way', async () => {
    const controllers = [SharedController];
    const paths = Array.from({ length: 20 }, (_, index) => `/${index % 2 ? 'a' : 'b'}/shared`);

    const answers = await ask(platform, { a: tenant('a', { controllers }), b: tenant('b', { controllers }) }, paths);

    expect(answers).toEqual(paths.map((path) => `session of ${path[1]}`));
  });

  it('is the one that a constructor in that module is injected', async () => {
    const controllers = [ComparingController];

    const answers = await ask(platform, { a: tenant('a', { controllers }), b: tenant('b', { controllers }) }, [
      '/a/comparing',
      '/b/comparing',
    ]);

    expect(answers).toEqual(['session of a, the same', 'session of b, the same']);
  });

  it('is the one that a guard of the class is injected in that module', async () => {
    const controllers = [GuardedController];

    const answers = await ask(platform, { a: tenant('a', { controllers }), b: tenant('b', { controllers }) }, [
      '/a/guarded',
      '/b/guarded',
    ]);

    expect(answers).toEqual(['session of a, seen by its guard', 'session of b, seen by its guard']);
  });

  it('goes to a route that both modules inherit', async () => {
    @Controller('first')
    class First extends SharedController {}
    @Controller('second')
    class Second extends SharedController {}

    const answers = await ask(
      platform,
      { a: tenant('a', { controllers: [First] }), b: tenant('b', { controllers: [Second, First] }) },
      ['/a/first', '/b/second', '/b/first'],
    );

    expect(answers).toEqual(['session of a', 'session of b', 'session of b']);
  });

  it.each([
    { kind: 'extends', mixin: extending },
    { kind: 'copies', mixin: copying },
  ])('goes to the route of a mixin that $kind its base', async ({ mixin }) => {
    const First = mixin('first');
    const Second = mixin('second');

    const answers = await ask(
      platform,
      { a: tenant('a', { controllers: [First] }), b: tenant('b', { controllers: [Second, First] }) },
      ['/a/first', '/b/second', '/b/first'],
    );

    expect(answers).toEqual(['session of a', 'session of b', 'session of b']);
  });

  it('comes from the import of its module, where one module is imported twice as two dynamic modules', async () => {
    class DatabaseModule {}
    const database = (name: string): DynamicModule => ({
      module: DatabaseModule,
      providers: [{ provide: 'tenant', useValue: name }, sessionOfTenant],
      exports: ['session'],
    });
    const controllers = [SharedController];

    const answers = await ask(
      platform,
      { a: { imports: [database('a')], controllers }, b: { imports: [database('b')], controllers } },
      ['/a/shared', '/b/shared'],
    );

    expect(answers).toEqual(['session of a', 'session of b']);
  });

  it('is that of the module which provides the token again, not that of its import', async () => {
    const controllers = [SharedController];
    const a = moduleOf({ ...tenant('a', { controllers }), exports: ['session'] });

    const answers = await ask(platform, { a, b: { ...tenant('b', { controllers }), imports: [a] } }, [
      '/a/shared',
      '/b/shared',
    ]);

    expect(answers).toEqual(['session of a', 'session of b']);
  });

  it.each(['a', 'b'])('goes to the route of a controller that is request-scoped in module %s alone', async (scoped) => {
    const own = (name: string) =>
      name === scoped
        ? { provide: 'own', scope: Scope.REQUEST, useFactory: () => name }
        : { provide: 'own', useValue: name };
    const controllers = [OwnController];

    const answers = await ask(
      platform,
      {
        a: tenant('a', { controllers, providers: [own('a')] }),
        b: tenant('b', { controllers, providers: [own('b')] }),
      },
      ['/a/own', '/b/own', '/a/own'],
    );

    expect(answers).toEqual(['session of a', 'session of b', 'session of a']);
  });

  it.each([
    { type: VersioningType.URI, paths: ['/v1/a/x', '/v2/b/y', '/v2/a/y', '/v1/b/x'], headers: [] },
    { type: VersioningType.HEADER, paths: ['/a/x', '/b/y', '/a/y', '/b/x'], headers: ['1', '2', '2', '1'] },
  ] as const)('goes to every path and version of its route: %o', async ({ type, paths, headers }) => {
    const controllers = [VersionedController];
    const settings: Partial<AppSettings> = {
      configure: (app) => app.enableVersioning(type === VersioningType.URI ? { type } : { type, header: 'x-version' }),
    };

    const answers = await ask(
      platform,
      { a: tenant('a', { controllers }), b: tenant('b', { controllers }) },
      [...paths],
      settings,
      headers.map((version) => ({ 'x-version': version })),
    );

    expect(answers).toEqual(['a', 'b', 'a', 'b'].map((name) => `session of ${name}`));
  });

  it('is each its own within one request that uses both', async () => {
    const answers = await ask(
      platform,
      {
        a: moduleOf({ ...tenant('a', { providers: [reader('reader of a')] }), exports: ['reader of a'] }),
        b: moduleOf({ ...tenant('b', { providers: [reader('reader of b')] }), exports: ['reader of b'] }),
      },
      ['/both'],
      { controllers: [BothController] },
    );

    expect(answers).toEqual(['session of a and session of b']);
    expect(timeline.events.toSorted()).toEqual(['session of a closed', 'session of b closed']);
  });

  it('is one within a request, where two modules list it and inject the same into it', async () => {
    class SourceModule {}
    const source = { module: SourceModule, providers: [{ provide: 'tenant', useValue: 'all' }], exports: ['tenant'] };
    const listing = (name: string) =>
      moduleOf({ imports: [source], providers: [sessionOfTenant, reader(name)], exports: [name] });

    const answers = await ask(platform, { a: listing('reader of a'), b: listing('reader of b') }, ['/both'], {
      controllers: [BothController],
    });

    expect(answers).toEqual(['session of all and session of all']);
    expect(timeline.events).toEqual(['session of all closed']);
  });

  it('is that of the application, where two have the same modules', async () => {
    const routed = moduleOf({ controllers: [SharedController], providers: [sessionOfTenant], imports: [TenantModule] });
    const first = startApp(platform, {
      imports: [{ module: TenantModule, ...valueOf('first'), global: true }, routed],
    });
    const second = startApp(platform, {
      imports: [{ module: TenantModule, ...valueOf('second'), global: true }, routed],
    });

    const answers = await Promise.all([first, second].map(async (app) => fetchText(`${(await app).url}/shared`)));

    expect(answers.map(({ body }) => body)).toEqual(['session of first', 'session of second']);
  });

  it('stops the start where one of the modules has none, and says which', async () => {
    const controllers = [SharedController];
    class LackingModule {}

    const starting = ask(platform, { a: tenant('a', { controllers }), b: { module: LackingModule, controllers } }, []);

    await expect(starting).rejects.toMatchObject({ code: 'UNKNOWN_RESOURCE' });
    await expect(starting).rejects.toThrow('SharedController.get() of LackingModule');
  });
});

class TenantModule {}

function valueOf(name: string): ModuleMetadata {
  return { providers: [{ provide: 'tenant', useValue: name }], exports: ['tenant'] };
}

/** One object for all modules. What it makes depends on what its module injects. */
const sessionOfTenant = provideResource({
  provide: 'session',
  inject: ['tenant'],
  async *useFactory(name: string) {
    yield `session of ${name}`;
    timeline.note(`session of ${name} closed`);
  },
});

/** The parts of a module that has its own tenant, and so its own session. */
function tenant(name: string, { providers = [], ...rest }: ModuleMetadata): ModuleMetadata {
  return { providers: [{ provide: 'tenant', useValue: name }, sessionOfTenant, ...providers], ...rest };
}

function moduleOf(metadata: ModuleMetadata): DynamicModule {
  class FeatureModule {}
  return { module: FeatureModule, ...metadata };
}

function reader(provide: string) {
  return { provide, inject: ['session'], scope: Scope.REQUEST, useFactory: (session: string) => session };
}

/** Starts an application with each module under the prefix of its name, and returns the answers of the paths. */
async function ask(
  platform: Platform,
  modules: Record<string, ModuleMetadata | DynamicModule>,
  paths: string[],
  settings: Partial<AppSettings> = {},
  headers: Record<string, string>[] = [],
): Promise<string[]> {
  const imports = Object.entries(modules).map(([path, metadata]) => ({
    path,
    module: 'module' in metadata ? metadata : moduleOf(metadata),
  }));
  const { app, url } = await startApp(platform, {
    ...settings,
    imports: [
      ...imports.map(({ module }) => module),
      RouterModule.register(imports.map(({ path, module }) => ({ path, module: module.module }))),
    ],
  });
  const answers = await Promise.all(
    paths.map((path, index) => fetchText(url + path, { headers: headers[index] ?? {} })),
  );
  await settled(app);
  return answers.map(({ body }) => body);
}

@Controller('shared')
class SharedController {
  @Get()
  get(@Resource('session') session: string) {
    return session;
  }
}

/** It compares what it is injected with what its routes are given. */
@Controller('comparing')
class ComparingController {
  constructor(@Inject('session') private readonly injected: string) {}

  @Get()
  get(@Resource('session') session: string) {
    return `${session}, ${session === this.injected ? 'the same' : 'not the same'}`;
  }
}

@Injectable()
class SessionGuard implements CanActivate {
  constructor(@Inject('session') private readonly injected: string) {}

  canActivate(context: ExecutionContext): boolean {
    Object.assign(context.switchToHttp().getRequest<object>(), { seen: this.injected });
    return true;
  }
}

@Controller('guarded')
@UseGuards(SessionGuard)
class GuardedController {
  @Get()
  get(@Resource('session') session: string, @Req() { seen }: { seen: string }) {
    return `${session}, ${session === seen ? 'seen' : 'not seen'} by its guard`;
  }
}

@Controller('own')
class OwnController {
  constructor(@Inject('own') readonly own: string) {}

  @Get()
  get(@Resource('session') session: string) {
    return session;
  }
}

@Controller({ path: ['x', 'y'], version: ['1', '2'] })
class VersionedController extends SharedController {}

@Controller('both')
class BothController {
  constructor(
    @Inject('reader of a') private readonly a: string,
    @Inject('reader of b') private readonly b: string,
    @Inject(REQUEST) readonly request: unknown,
  ) {}

  @Get()
  get() {
    return `${this.a} and ${this.b}`;
  }
}

function extending(path: string): Type {
  @Controller(path)
  class Mixed extends SharedController {}
  return Mixed;
}

/** Copies all members of the base, `constructor` included, as the mixins of the TypeScript handbook once did. */
function copying(path: string): Type {
  @Controller(path)
  class Mixed {}
  Object.defineProperties(Mixed.prototype, Object.getOwnPropertyDescriptors(SharedController.prototype));
  return Mixed;
}
