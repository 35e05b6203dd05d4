import {
  Controller,
  type DynamicModule,
  forwardRef,
  Get,
  Global,
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  Scope,
  type Type,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasksModule, provideResource, Resource } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';

describe.each(platforms)('B22 which resource @Resource() sees on $name', (platform) => {
  it('sees what an imported module exports', async () => {
    @Module({ providers: [session('exported')], exports: ['session'] })
    class SessionModule {}
    @Module({ imports: [SessionModule], controllers: [FirstController] })
    class FeatureModule {}

    const answers = await ask(platform, FeatureModule, '/first');

    expect(answers).toEqual(['exported']);
  });

  it('sees what an imported module re-exports', async () => {
    @Module({ providers: [session('re-exported')], exports: ['session'] })
    class SessionModule {}
    @Module({ imports: [SessionModule], exports: [SessionModule] })
    class SharedModule {}
    @Module({ imports: [SharedModule], controllers: [FirstController] })
    class FeatureModule {}

    const answers = await ask(platform, FeatureModule, '/first');

    expect(answers).toEqual(['re-exported']);
  });

  it('sees what a global module exports', async () => {
    @Global()
    @Module({ providers: [session('global')], exports: ['session'] })
    class SessionModule {}
    @Module({ controllers: [FirstController] })
    class FeatureModule {}
    @Module({ imports: [SessionModule, FeatureModule] })
    class RootModule {}

    const answers = await ask(platform, RootModule, '/first');

    expect(answers).toEqual(['global']);
  });

  it('prefers the module’s own, so that two modules can each have theirs', async () => {
    @Module({ providers: [session('of the first')], exports: ['session'], controllers: [FirstController] })
    class FirstModule {}
    @Module({ imports: [FirstModule], providers: [session('of the second')], controllers: [SecondController] })
    class SecondModule {}

    const answers = await ask(platform, SecondModule, '/first', '/second');

    expect(answers).toEqual(['of the first', 'of the second']);
  });

  it('resolves the dependencies of a resource where the resource is provided', async () => {
    @Module({
      providers: [{ provide: 'source', useValue: 'of the first' }, session(undefined)],
      exports: ['session'],
    })
    class SessionModule {}
    @Module({
      imports: [SessionModule],
      providers: [{ provide: 'source', useValue: 'of the second' }],
      controllers: [FirstController],
    })
    class FeatureModule {}

    const answers = await ask(platform, FeatureModule, '/first');

    expect(answers).toEqual(['of the first']);
  });

  it('sees the resource behind an alias', async () => {
    const alias = { provide: 'session', useExisting: 'aliased' };
    const aliased = provideResource({
      provide: 'aliased',
      async *useFactory() {
        yield 'behind the alias';
      },
    });
    @Module({ providers: [aliased, alias], controllers: [FirstController] })
    class FeatureModule {}

    const answers = await ask(platform, FeatureModule, '/first');

    expect(answers).toEqual(['behind the alias']);
  });

  it('does not see what an imported module keeps to itself', async () => {
    @Module({ providers: [session('hidden')] })
    class SessionModule {}
    @Module({ imports: [SessionModule], controllers: [FirstController] })
    class FeatureModule {}

    await expect(initialise(platform, FeatureModule)).rejects.toMatchObject({ code: 'UNKNOWN_RESOURCE' });
  });

  it('does not see what a module keeps to itself that re-exports another', async () => {
    @Module({})
    class OtherModule {}
    @Module({ imports: [OtherModule], providers: [session('hidden')], exports: [OtherModule] })
    class SharedModule {}
    @Module({ imports: [SharedModule], controllers: [FirstController] })
    class FeatureModule {}

    await expect(initialise(platform, FeatureModule)).rejects.toMatchObject({ code: 'UNKNOWN_RESOURCE' });
  });

  it('prefers what a module re-exports to what that module keeps to itself', async () => {
    @Module({ providers: [session('re-exported')], exports: ['session'] })
    class SessionModule {}
    @Module({ imports: [SessionModule], providers: [session('hidden')], exports: [SessionModule] })
    class SharedModule {}
    @Module({ imports: [SharedModule], controllers: [FirstController] })
    class FeatureModule {}

    const answers = await ask(platform, FeatureModule, '/first');

    expect(answers).toEqual(['re-exported']);
  });
});

/** Arrangements of modules, each with a feature module that must see the session of the text 'seen'. */
const arrangements: readonly { readonly name: string; readonly arrange: (feature: ModuleMetadata) => DynamicModule }[] =
  [
    {
      name: 'two imports export the token: the first',
      arrange: (feature) => moduleOf({ ...feature, imports: [exporting('seen'), exporting('second')] }),
    },
    {
      name: 'an import re-exports the token before another exports it',
      arrange: (feature) => {
        const inner = exporting('seen');
        return moduleOf({
          ...feature,
          imports: [moduleOf({ imports: [inner], exports: [inner] }), exporting('second')],
        });
      },
    },
    {
      name: 'a global module and an import export the token: the import',
      arrange: (feature) => {
        const global = { ...exporting('global'), global: true };
        return moduleOf({ imports: [global, moduleOf({ ...feature, imports: [exporting('seen')] })] });
      },
    },
    {
      name: 'a global module re-exports a dynamic module',
      arrange: (feature) => {
        const inner = exporting('seen');
        return moduleOf({
          imports: [{ ...moduleOf({ imports: [inner], exports: [inner] }), global: true }, moduleOf(feature)],
        });
      },
    },
    {
      name: 'the modules import each other by forwardRef()',
      arrange: (feature) => {
        class FeatureModule {}
        class SessionModule {}
        Module({ imports: [forwardRef(() => FeatureModule)], providers: [session('seen')], exports: ['session'] })(
          SessionModule,
        );
        Module({ ...feature, imports: [forwardRef(() => SessionModule)] })(FeatureModule);
        return moduleOf({ imports: [FeatureModule] });
      },
    },
    {
      name: 'an import exports an alias of what its own import exports',
      arrange: (feature) => {
        const alias = { provide: 'session', useExisting: 'other' };
        const other = moduleOf({ providers: [session('seen', 'other'), session('hidden')], exports: ['other'] });
        const aliasing = moduleOf({ imports: [other], providers: [alias], exports: ['session'] });
        return moduleOf({ ...feature, imports: [aliasing] });
      },
    },
    {
      name: 'an alias names an alias by forwardRef()',
      arrange: (feature) => {
        const first = { provide: 'session', useExisting: forwardRef(() => 'second') as unknown as string };
        const second = { provide: 'second', useExisting: 'third' };
        const providers = [...(feature.providers ?? []), first, second, session('seen', 'third')];
        return moduleOf({ ...feature, providers });
      },
    },
  ];

describe.each(platforms)('B22 @Resource() and a constructor see the same on $name', (platform) => {
  it.each(arrangements)('where $name', async ({ arrange }) => {
    const root = arrange({ controllers: [WitnessController], providers: [Witness] });

    const answers = await ask(platform, root, '/witness');

    expect(answers).toEqual(['seen, as injected']);
  });

  it.each(arrangements)('also of an override, where $name', async ({ arrange }) => {
    const root = arrange({ controllers: [WitnessController], providers: [Witness] });
    const { app, url } = await startApp(platform, {
      imports: [root],
      override: (builder) => builder.overrideProvider('session').useValue('override'),
    });

    const { body } = await fetchText(`${url}/witness`);
    await settled(app);

    expect(body).toBe('override, as injected');
  });
});

function moduleOf(metadata: ModuleMetadata): DynamicModule {
  class AnyModule {}
  return { module: AnyModule, ...metadata };
}

function exporting(text: string): DynamicModule {
  return moduleOf({ providers: [session(text)], exports: ['session'] });
}

/** A resource whose value is the text, or what its module provides as 'source'. */
function session(text: string | undefined, provide = 'session') {
  return provideResource({
    provide,
    inject: [{ token: 'source', optional: true as const }],
    async *useFactory(source: unknown) {
      yield text ?? source;
    },
  });
}

async function ask(platform: Platform, root: Type | DynamicModule, ...paths: string[]): Promise<string[]> {
  const { app, url } = await startApp(platform, { imports: [root] });
  const answers = await Promise.all(paths.map((path) => fetchText(url + path)));
  await settled(app);
  return answers.map(({ body }) => body);
}

async function initialise(platform: Platform, root: Type): Promise<void> {
  const module = await Test.createTestingModule({ imports: [BackgroundTasksModule.forRoot(), root] }).compile();
  const app = module.createNestApplication(platform.adapter());
  onTestFinished(() => app.close());
  await app.init();
}

@Controller('first')
class FirstController {
  @Get()
  get(@Resource('session') seen: unknown) {
    return seen;
  }
}

@Controller('second')
class SecondController {
  @Get()
  get(@Resource('session') seen: unknown) {
    return seen;
  }
}

@Injectable({ scope: Scope.REQUEST })
class Witness {
  constructor(@Inject('session') readonly injected: unknown) {}
}

@Controller('witness')
class WitnessController {
  constructor(private readonly witness: Witness) {}

  @Get()
  get(@Resource('session') seen: string) {
    return `${seen}, ${seen === this.witness.injected ? 'as' : 'not as'} injected`;
  }
}
