import { Controller, Get, Injectable, UseInterceptors } from '@nestjs/common';
import { ExternalContextCreator, LazyModuleLoader, ModuleRef } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { BackgroundTasksInterceptor, BackgroundTasksRef } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { fetchText } from '../support/fetch-text.js';
import { platforms, startApp } from '../support/platforms.js';

describe.each(platforms)('B17 BackgroundTasksInterceptor on $name', (platform) => {
  it('lets the routes it is bound to use a reference that nothing injects', async () => {
    const ran: string[] = [];

    @Controller()
    class LazyController {
      constructor(private readonly moduleRef: ModuleRef) {}

      @Get('with')
      @UseInterceptors(BackgroundTasksInterceptor)
      with() {
        return this.without();
      }

      @Get('without')
      without() {
        this.moduleRef.get(BackgroundTasksRef, { strict: false }).current.addTask(() => ran.push('task'));
        return 'added';
      }
    }
    const { app, url } = await startApp(platform, { controllers: [LazyController] });

    const statuses = [await fetchText(`${url}/with`), await fetchText(`${url}/without`)].map(({ status }) => status);
    await settled(app);

    expect(statuses).toEqual([200, 500]);
    expect(ran).toEqual(['task']);
  });

  it('is not needed to reach a module that is loaded lazily, where a class injects LazyModuleLoader', async () => {
    const ran: string[] = [];
    @Injectable()
    class Mailer {
      constructor(private readonly ref: BackgroundTasksRef) {}

      send() {
        this.ref.current.addTask(() => ran.push('task'));
        return 'added';
      }
    }
    class LazyModule {}
    @Controller()
    class Routes {
      constructor(private readonly loader: LazyModuleLoader) {}

      @Get()
      async get() {
        const loaded = await this.loader.load(() => ({ module: LazyModule, providers: [Mailer] }));
        return loaded.get(Mailer).send();
      }
    }
    const { app, url } = await startApp(platform, { controllers: [Routes] });

    const statuses = [await fetchText(url), await fetchText(url)].map(({ status }) => status);
    await settled(app);

    expect(statuses).toEqual([200, 200]);
    expect(ran).toEqual(['task', 'task']);
  });

  it('leaves a message alone, which has no request, where it is bound to all handlers', async () => {
    @Injectable()
    @UseInterceptors(BackgroundTasksInterceptor)
    class MessageHandlers {
      handle(message: string) {
        return message.length;
      }
    }
    const { app } = await startApp(platform, { providers: [MessageHandlers] });
    const handlers = app.get(MessageHandlers);
    // As @nestjs/microservices and others have Nest run the handlers of their messages.
    const method = Reflect.get(handlers, 'handle') as () => unknown;
    const handle = app.get(ExternalContextCreator).create(handlers, method, 'handle');

    expect(await handle('hello')).toBe(5);
  });
});
