import { Injectable, Module, Scope } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  BackgroundTasks,
  BackgroundTasksHost,
  BackgroundTasksModule,
  type BackgroundTasksModuleOptions,
  BackgroundTasksRef,
  TaskScopes,
} from '../../src/index.js';

@Injectable({ scope: Scope.REQUEST })
class Mailer {
  constructor(private readonly tasks: BackgroundTasks) {}

  send() {
    return this.tasks.addTask(() => undefined);
  }
}

@Module({ providers: [Mailer], exports: [Mailer] })
class MailModule {}

@Injectable()
class Settings {
  createBackgroundTasksOptions(): BackgroundTasksModuleOptions {
    return { maxPending: 1 };
  }
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

describe('registering the module', () => {
  it('lets every module inject what it provides, without an import', async () => {
    const app = await compile(BackgroundTasksModule.forRoot(), MailModule);
    await app.get(TaskScopes).run(async (scope) => (await scope.resolve(Mailer)).send());
    expect(app.get(BackgroundTasksHost).stats()).toMatchObject({ accepted: 1, succeeded: 1 });
    expect(app.get(BackgroundTasksRef)).toBeInstanceOf(BackgroundTasksRef);
  });

  it.each([
    { way: 'forRoot', module: () => BackgroundTasksModule.forRoot({ maxPending: 1 }) },
    { way: 'useFactory', module: () => BackgroundTasksModule.forRootAsync({ useFactory: () => ({ maxPending: 1 }) }) },
    {
      way: 'useFactory with inject',
      module: () =>
        BackgroundTasksModule.forRootAsync({
          imports: [SettingsModule],
          inject: [Settings],
          useFactory: async (settings: Settings) => settings.createBackgroundTasksOptions(),
        }),
    },
    { way: 'useClass', module: () => BackgroundTasksModule.forRootAsync({ useClass: Settings }) },
    {
      way: 'useExisting',
      module: () => BackgroundTasksModule.forRootAsync({ imports: [SettingsModule], useExisting: Settings }),
    },
  ])('takes the options by $way, and is global', async ({ module }) => {
    const app = await compile(module(), MailModule);
    await app.get(TaskScopes).run(async (scope) => {
      const mailer = await scope.resolve(Mailer);
      mailer.send();
      expect(() => mailer.send()).toThrow(expect.objectContaining({ code: 'QUEUE_FULL' }));
    });
  });

  it.each<{ what: string; imports: () => unknown[] }>([
    { what: 'forRoot twice', imports: () => [BackgroundTasksModule.forRoot(), BackgroundTasksModule.forRoot()] },
    {
      what: 'forRoot twice with other options',
      imports: () => [BackgroundTasksModule.forRoot({ concurrency: 2 }), BackgroundTasksModule.forRoot()],
    },
    {
      what: 'forRoot and forRootAsync',
      imports: () => [BackgroundTasksModule.forRoot(), BackgroundTasksModule.forRootAsync({ useFactory: () => ({}) })],
    },
    {
      what: 'forRoot here and in a feature module',
      imports: () => [BackgroundTasksModule.forRoot(), featureWith(BackgroundTasksModule.forRoot())],
    },
    {
      what: 'forRoot in two feature modules, neither global',
      imports: () => [
        featureWith(BackgroundTasksModule.forRoot({ isGlobal: false })),
        featureWith(BackgroundTasksModule.forRoot({ isGlobal: false })),
      ],
    },
  ])('refuses $what with ALREADY_REGISTERED and the fix', async ({ imports }) => {
    await expect(compile(...imports())).rejects.toMatchObject({
      code: 'ALREADY_REGISTERED',
      message: expect.stringMatching(/registered 2 times.*forRoot\(\) once, in the root module/) as string,
    });
  });

  it('takes the same registration in two modules for one', async () => {
    const registration = BackgroundTasksModule.forRoot();
    await expect(compile(registration, featureWith(registration))).resolves.toBeDefined();
  });

  it('lets two applications of one process register it each', async () => {
    const [first, second] = await Promise.all([
      compile(BackgroundTasksModule.forRoot(), MailModule),
      compile(BackgroundTasksModule.forRoot(), MailModule),
    ]);
    await first.get(TaskScopes).run(async (scope) => (await scope.resolve(Mailer)).send());
    expect(first.get(BackgroundTasksHost).stats().accepted).toBe(1);
    expect(second.get(BackgroundTasksHost).stats().accepted).toBe(0);
  });
});

describe('isGlobal: false', () => {
  it.each([
    { way: 'forRoot', register: () => BackgroundTasksModule.forRoot({ isGlobal: false }) },
    {
      way: 'forRootAsync',
      register: () => BackgroundTasksModule.forRootAsync({ isGlobal: false, useFactory: () => ({}) }),
    },
  ])('reaches the modules that import it, and no others: $way', async ({ register }) => {
    const registration = register();
    @Module({ imports: [registration], providers: [Mailer], exports: [Mailer] })
    class ImportingModule {}

    const app = await compile(ImportingModule);
    await app.get(TaskScopes, { strict: false }).run(async (scope) => (await scope.resolve(Mailer)).send());
    expect(app.get(BackgroundTasksHost, { strict: false }).stats()).toMatchObject({ accepted: 1, succeeded: 1 });

    await expect(compile(register(), MailModule)).rejects.toThrow(/BackgroundTasks.*MailModule/s);
  });

  it('can be shared by a module that re-exports it', async () => {
    @Module({ imports: [BackgroundTasksModule.forRoot({ isGlobal: false })], exports: [BackgroundTasksModule] })
    class SharedModule {}
    @Module({ imports: [SharedModule], providers: [Mailer], exports: [Mailer] })
    class FirstModule {}
    @Module({ imports: [SharedModule], providers: [Mailer], exports: [Mailer] })
    class SecondModule {}

    const app = await compile(FirstModule, SecondModule);
    await app.get(TaskScopes, { strict: false }).run(async (scope) => (await scope.resolve(Mailer)).send());
    expect(app.get(BackgroundTasksHost, { strict: false }).stats()).toMatchObject({ accepted: 1, succeeded: 1 });
  });
});

async function compile(...imports: unknown[]) {
  const app = await Test.createTestingModule({ imports: imports as [] }).compile();
  await app.init();
  onTestFinished(() => app.close());
  return app;
}

/** A feature module of its own that imports the registration. */
function featureWith(registration: unknown) {
  @Module({ imports: [registration as typeof SettingsModule] })
  class FeatureModule {}
  return FeatureModule;
}
