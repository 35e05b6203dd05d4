import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  Module,
  type NestInterceptor,
  UseFilters,
  UseInterceptors,
} from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type BackgroundTask,
  BackgroundTasksHost,
  type BackgroundTasks,
  provideResource,
  Resource,
  Tasks,
} from '../../src/index.js';
import { fetchText } from '../support/fetch-text.js';
import { hostileErrors } from '../support/hostile-errors.js';
import { hostileObjects, raise } from '../support/hostile-values.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

describe.each(platforms)(
  'what a request does with an error that throws where it is looked at, on $name',
  (platform) => {
    it.each(hostileErrors)(
      'B22 gives it to every resource as it was thrown, runs the tasks, and answers as Nest does: $what',
      async ({ make }) => {
        const rejections = new UnhandledRejections();
        const error = make();
        const fail = () => raise(error);
        const plain = await answerOfNest(platform, fail);
        const { url, host, logs, request } = await startFailing(platform, fail);

        const { status, body } = await fetchText(url);
        await host.onIdle();

        expect({ status, body }).toEqual(plain);
        expect(request.seen).toEqual(['late', 'top', 'base', 'after']);
        expect(request.errors.every((seen) => Object.is(seen, error))).toBe(true);
        expect(request.tasks.map(({ state }) => state)).toEqual(['discarded', 'succeeded']);
        expect(logs.errors.filter((line) => /Disposal failed|failed to exit/.test(line))).toEqual([]);
        expect(await rejections.count()).toBe(0);
      },
    );

    it.each(hostileErrors)('B22 answers as Nest does where a filter throws it: $what', async ({ make }) => {
      const rejections = new UnhandledRejections();
      const error = make();
      @Catch()
      class Thrower implements ExceptionFilter {
        catch(_: unknown, __: ArgumentsHost): void {
          raise(error);
        }
      }
      const fail = () => raise(new Error('ordinary'));
      const plain = await answerOfNest(platform, fail, new Thrower());
      const { url, host, request } = await startFailing(platform, fail, new Thrower());

      const { status, body } = await fetchText(url);
      await host.onIdle();

      expect({ status, body }).toEqual(plain);
      expect(request.tasks.map(({ state }) => state)).toEqual(['discarded', 'succeeded']);
      expect(await rejections.count()).toBe(0);
    });

    it.each(hostileErrors)('B22 answers it where a resource puts it in place of another: $what', async ({ make }) => {
      const rejections = new UnhandledRejections();
      const error = make();
      const plain = await answerOfNest(platform, () => raise(error));
      const { url, host, request } = await startFailing(
        platform,
        () => raise(new Error('ordinary')),
        undefined,
        () => raise(error),
      );

      const { status, body } = await fetchText(url);
      await host.onIdle();

      expect({ status, body }).toEqual(plain);
      expect(request.seen).toEqual(['late', 'top', 'base', 'after']);
      expect(request.tasks.map(({ state }) => state)).toEqual(['discarded', 'succeeded']);
      expect(await rejections.count()).toBe(0);
    });

    it.each<[string, (settle: (value?: unknown) => void) => unknown]>([
      ['throws', () => raise(new Error('no then'))],
      ['never calls back', () => undefined],
      ['calls back twice', (settle) => [settle(), settle()]],
    ])('B9 ends the tasks after a filter whose promise has a then that %s', async (_, then) => {
      @Catch()
      class AsyncFilter implements ExceptionFilter {
        catch(__: unknown, host: ArgumentsHost): Promise<unknown> {
          app.get(HttpAdapterHost).httpAdapter.reply(host.getArgByIndex(1), 'answered', 418);
          return withThen(then);
        }
      }
      const { url, host, request, app } = await startFailing(platform, () => raise(new Error('no')), new AsyncFilter());

      const { status } = await fetchText(url);
      await host.onIdle();

      expect(status).toBe(418);
      expect(request.tasks.map(({ state }) => state)).toEqual(['discarded', 'succeeded']);
    });

    it('B9 ends the tasks after an interceptor whose promise has a then that calls back twice', async () => {
      const interceptor: NestInterceptor = {
        intercept: (_, next) => {
          const stream = next.handle();
          return withThen((fulfil) => [fulfil(stream), fulfil(stream)]) as Promise<typeof stream>;
        },
      };
      const { url, host, request } = await startFailing(platform, () => 'ok', undefined, undefined, interceptor);

      const { status } = await fetchText(url);
      await host.onIdle();

      expect(status).toBe(200);
      expect(request.tasks.map(({ state }) => state)).toEqual(['succeeded', 'discarded']);
    });

    it.each(hostileObjects)('B9 ends the tasks of a handler that returns $what', async ({ make }) => {
      const rejections = new UnhandledRejections();
      const value = make();
      const plain = await answerOfNest(platform, () => value);
      const { url, host, request } = await startFailing(platform, () => value);

      const { status } = await fetchText(url);
      await host.onIdle();

      expect(status).toBe(plain.status);
      expect(request.tasks.map(({ state }) => state)).toEqual(
        status === 200 ? ['succeeded', 'discarded'] : ['discarded', 'succeeded'],
      );
      expect(host.stats()).toMatchObject({ accepted: 2, waiting: 0, running: 0 });
      expect(await rejections.count()).toBe(0);
    });
  },
);

/** Answers of the same handler in an application without this package. */
async function answerOfNest(platform: Platform, handle: () => unknown, filter?: ExceptionFilter) {
  @Controller()
  class AppController {
    @Get()
    get(): unknown {
      return handle();
    }
  }
  if (filter) UseFilters(filter)(AppController);
  @Module({ controllers: [AppController] })
  class AppModule {}
  const app = await NestFactory.create(AppModule, platform.adapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  onTestFinished(() => app.close());
  return fetchText(await app.getUrl());
}

/** Starts an application whose handler has two tasks, and four resources, of which `replace` may change the error. */
async function startFailing(
  platform: Platform,
  handle: () => unknown,
  filter?: ExceptionFilter,
  replace?: () => never,
  interceptor: NestInterceptor = { intercept: (_, next) => next.handle() },
) {
  const request = { tasks: [] as BackgroundTask[], seen: [] as string[], errors: [] as unknown[] };
  const resource = (provide: string, release: 'before-response' | 'after-tasks', inject: string[] = []) =>
    provideResource({
      provide,
      inject,
      release,
      *useFactory() {
        try {
          yield { provide };
        } catch (error) {
          request.seen.push(provide);
          request.errors.push(error);
          if (provide === 'top') replace?.();
          throw error;
        }
      },
    });
  @Controller()
  class AppController {
    @Get()
    get(
      @Tasks() tasks: BackgroundTasks,
      @Resource('after') _after: unknown,
      @Resource('top') _top: unknown,
      @Resource('late') _late: unknown,
    ): unknown {
      request.tasks.push(
        tasks.addTask(() => undefined),
        tasks.with({ runOn: 'failure' }).addTask(() => undefined),
      );
      return handle();
    }
  }
  UseInterceptors(interceptor)(AppController);
  if (filter) UseFilters(filter)(AppController);
  const providers = [
    resource('base', 'before-response'),
    resource('top', 'before-response', ['base']),
    resource('late', 'before-response', ['top']),
    resource('after', 'after-tasks'),
  ];
  const { app, url, logs } = await startApp(platform, { controllers: [AppController], providers });
  return { app, url, logs, host: app.get(BackgroundTasksHost), request };
}

/** Makes a promise with a `then` of its own. */
function withThen(then: (settle: (value?: unknown) => void) => unknown): Promise<unknown> {
  return Object.assign(Promise.resolve(), { then: then as never });
}
