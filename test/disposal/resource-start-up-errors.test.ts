import { Controller, forwardRef, Get, Inject, Injectable, Module, type ModuleMetadata, Scope } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasksModule, provideResource, Resource, TaskScopes } from '../../src/index.js';
import { type Platform, platforms } from '../support/platforms.js';
import { startContext } from '../support/start-context.js';

const lasting = (provide: string, inject: string[] = []) =>
  provideResource({ provide, inject, useFactory: emptyResource });
const early = (provide: string, inject: string[] = []) =>
  provideResource({ provide, inject, useFactory: emptyResource, release: 'before-response' });

describe.each(platforms)('B22 mistakes that stop the start-up on $name', (platform) => {
  it('refuses an after-tasks resource over a before-response one, and names both', async () => {
    const starting = start(platform, { providers: [lasting('outer', ['inner']), early('inner')] });

    await expect(starting).rejects.toMatchObject({ code: 'RESOURCE_RELEASE_ORDER' });
    await expect(starting).rejects.toThrow(/outer.*'after-tasks'.*inner.*'before-response'/);
  });

  it('refuses it across resources of the same release, classes, factories and aliases', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Repository {
      constructor(@Inject('alias') readonly inner: unknown) {}
    }
    const starting = start(platform, {
      providers: [
        lasting('outermost', ['outer']),
        lasting('outer', ['factory']),
        { provide: 'factory', inject: [Repository], useFactory: (repository: Repository) => repository },
        Repository,
        { provide: 'alias', useExisting: 'inner' },
        early('inner'),
      ],
    });

    await expect(starting).rejects.toThrow(/outer.*inner/);
  });

  it('refuses it across modules', async () => {
    @Module({ providers: [early('inner')], exports: ['inner'] })
    class InnerModule {}
    const starting = start(platform, { imports: [InnerModule], providers: [lasting('outer', ['inner'])] });

    await expect(starting).rejects.toMatchObject({ code: 'RESOURCE_RELEASE_ORDER' });
  });

  it('allows every other combination', async () => {
    const starting = start(platform, {
      providers: [
        early('early over lasting', ['lasting']),
        early('early over early', ['early over lasting']),
        lasting('lasting over lasting', ['lasting']),
        lasting('lasting'),
      ],
    });

    await expect(starting).resolves.toBeUndefined();
  });

  it('looks through a cycle without an end', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Left {
      @Inject(forwardRef(() => Right)) readonly right!: unknown;
    }
    @Injectable({ scope: Scope.REQUEST })
    class Right {
      @Inject(forwardRef(() => Left)) readonly left!: unknown;
      @Inject('inner') readonly inner!: unknown;
    }
    const starting = start(platform, {
      providers: [
        provideResource({ provide: 'outer', inject: [Left], useFactory: emptyResource }),
        Left,
        Right,
        early('inner'),
      ],
    });

    await expect(starting).rejects.toMatchObject({ code: 'RESOURCE_RELEASE_ORDER' });
  });

  it.each(['another resource', 'a class', 'classes that forwardRef() joins'])(
    'refuses a resource that depends on itself through %s, and shows the way',
    async (name) => {
      @Injectable({ scope: Scope.REQUEST })
      class Repository {
        constructor(@Inject('first') readonly first: unknown) {}
      }
      @Injectable({ scope: Scope.REQUEST })
      class Left {
        @Inject(forwardRef(() => Right)) readonly right!: unknown;
      }
      @Injectable({ scope: Scope.REQUEST })
      class Right {
        @Inject(forwardRef(() => Left)) readonly left!: unknown;
        @Inject('first') readonly first!: unknown;
      }
      const second = {
        'another resource': lasting('second', ['first']),
        'a class': { provide: 'second', useClass: Repository, scope: Scope.REQUEST },
        'classes that forwardRef() joins': { provide: 'second', useExisting: Left },
      }[name]!;
      const starting = start(platform, { providers: [lasting('first', ['second']), second, Left, Right] });

      await expect(starting).rejects.toMatchObject({ code: 'RESOURCE_CIRCLE' });
      await expect(starting).rejects.toThrow(/depends on itself: (.+) → .+ → \1\./);
    },
  );

  it('refuses to start without the module that gives resources their life', async () => {
    const module = Test.createTestingModule({ providers: [lasting('lonely')] });

    const compiling = module.compile();

    await expect(compiling).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    await expect(compiling).rejects.toThrow('lonely of RootTestModule injects BackgroundTasks');
  });

  it('refuses @Resource() of a token that nothing provides, and names token and handler', async () => {
    @Controller()
    class LostController {
      @Get()
      find(@Resource('missing') _missing: unknown) {
        return 'never';
      }
    }
    const starting = start(platform, { controllers: [LostController] });

    await expect(starting).rejects.toMatchObject({ code: 'UNKNOWN_RESOURCE' });
    await expect(starting).rejects.toThrow(/@Resource\(missing\) in LostController\.find\(\)/);
  });
});

describe('B22 mistakes that stop the start-up of an application without a server', () => {
  it('refuses an after-tasks resource over a before-response one', async () => {
    const starting = startContext({ providers: [lasting('outer', ['inner']), early('inner')] });

    await expect(starting).rejects.toMatchObject({ code: 'RESOURCE_RELEASE_ORDER' });
  });

  it('refuses it at the first unit of work where the application was never initialised', async () => {
    const module = await Test.createTestingModule({
      imports: [BackgroundTasksModule.forRoot()],
      providers: [lasting('outer', ['inner']), early('inner')],
    }).compile();
    onTestFinished(() => module.close());

    const running = module.get(TaskScopes).run(() => 'never');

    await expect(running).rejects.toMatchObject({ code: 'RESOURCE_RELEASE_ORDER' });
  });
});

async function start(platform: Platform, metadata: ModuleMetadata): Promise<void> {
  const module = await Test.createTestingModule({
    ...metadata,
    imports: [BackgroundTasksModule.forRoot(), ...(metadata.imports ?? [])],
  }).compile();
  const app = module.createNestApplication(platform.adapter());
  onTestFinished(() => app.close());
  await app.init();
}

async function* emptyResource() {
  yield 'value';
}
