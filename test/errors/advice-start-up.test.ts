import { Module } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  BackgroundTasksModule,
  type BackgroundTasksModuleOptions,
  BackgroundTasksRef,
  defineTask,
  TaskHandler,
} from '../../src/index.js';
import { type Advice, follow, works } from '../support/advice.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';
import { Test } from '@nestjs/testing';

const advice: readonly Advice<Platform>[] = [
  {
    code: 'INVALID_OPTION',
    fix: 'Give a whole number of 1 or more, or Infinity.',
    apply: (isFixed, platform) => startApp(platform, { options: { maxRunning: isFixed ? 1 : 0 } }),
  },
  {
    code: 'INVALID_OPTION',
    fix: 'There is no such option; there are',
    apply: (isFixed, platform) => {
      const misspelt = { maxrunning: 1 } as BackgroundTasksModuleOptions;
      return startApp(platform, { options: isFixed ? { maxRunning: 1 } : misspelt });
    },
  },
  {
    code: 'NOT_REGISTERED',
    fix: 'Import the module once, in the root module: imports: [BackgroundTasksModule.forRoot()]',
    apply: (isFixed, platform) => {
      const users = { provide: 'users', inject: [BackgroundTasksRef], useFactory: String };
      @Module({ imports: isFixed ? [BackgroundTasksModule.forRoot()] : [], providers: [users] })
      class AppModule {}
      return listen(platform, AppModule);
    },
  },
  {
    code: 'NOT_REGISTERED',
    fix: 'Remove that import: another module has forRoot().',
    apply: (isFixed, platform) => {
      const users = { provide: 'users', inject: [BackgroundTasksRef], useFactory: String };
      @Module({ imports: isFixed ? [] : [BackgroundTasksModule], providers: [users] })
      class UsersModule {}
      @Module({ imports: [BackgroundTasksModule.forRoot(), UsersModule] })
      class AppModule {}
      return listen(platform, AppModule);
    },
  },
  {
    code: 'ALREADY_REGISTERED',
    fix: 'it is global, so feature modules inject BackgroundTasks without importing anything',
    apply: (isFixed, platform) => {
      const users = { provide: 'users', inject: [BackgroundTasksRef], useFactory: String };
      @Module({ imports: isFixed ? [] : [BackgroundTasksModule.forRoot()], providers: [users] })
      class UsersModule {}
      return startApp(platform, { imports: [UsersModule] });
    },
  },
  {
    code: 'UNSUPPORTED_NEST',
    fix: 'Install a version of @nestjs/core that the peerDependencies of nestjs-background-tasks name',
    apply: async (isFixed, platform) => {
      const load = Object.getOwnPropertyDescriptor(LazyModuleLoader.prototype, 'load')!;
      // What another version may lack. The installed one is a version that the manifest names.
      if (!isFixed) Reflect.deleteProperty(LazyModuleLoader.prototype, 'load');
      else assertInstalledIsNamed();
      try {
        await startApp(platform, {});
      } finally {
        Object.defineProperty(LazyModuleLoader.prototype, 'load', load);
      }
    },
  },
  {
    code: 'DUPLICATE_TASK',
    fix: 'Give each task a name and a definition of its own',
    apply: (isFixed, platform) => {
      const handlers = ['send-invoice', isFixed ? 'send-reminder' : 'send-invoice'].map(handlerOf);
      return startApp(platform, { providers: handlers });
    },
  },
  {
    code: 'DUPLICATE_TASK',
    fix: 'and each definition one handler',
    apply: (isFixed, platform) => {
      const definition = defineTask<string>({ name: 'send-invoice' });
      @TaskHandler(definition)
      class First {
        run() {}
      }
      @TaskHandler(definition)
      class Second {
        run() {}
      }
      return startApp(platform, { providers: isFixed ? [First] : [First, Second] });
    },
  },
  {
    code: 'DUPLICATE_TASK',
    fix: 'provided by one module',
    apply: (isFixed, platform) => {
      const handler = handlerOf('send-invoice');
      @Module({ providers: [handler], exports: [handler] })
      class InvoicesModule {}
      return startApp(platform, { imports: [InvoicesModule], providers: isFixed ? [] : [handler] });
    },
  },
];

describe.each(platforms)('what an error at start-up advises works on $name:', (platform) => {
  it.each(advice)('$code: $fix', async (one) => {
    expect(await follow(one, platform)).toEqual(works(one));
  });
});

async function listen(platform: Platform, module: new () => object): Promise<void> {
  const testing = await Test.createTestingModule({ imports: [module] }).compile();
  const app = testing.createNestApplication(platform.adapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  await app.close();
}

function handlerOf(name: string) {
  @TaskHandler(defineTask<string>({ name }))
  class Handler {
    run() {}
  }
  return Handler;
}

function assertInstalledIsNamed(): void {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as Manifest;
  const { version } = createRequire(import.meta.url)('@nestjs/core/package.json') as { readonly version: string };
  const [major] = version.split('.');
  if (!manifest.peerDependencies['@nestjs/core']!.startsWith(`^${major}.`)) throw new Error(`${version} is not named`);
}

interface Manifest {
  readonly peerDependencies: Readonly<Record<string, string>>;
}
