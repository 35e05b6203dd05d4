import { Injectable, Scope } from '@nestjs/common';
import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { type BackgroundTask, provideResource } from '../../src/index.js';
import { hostileErrors } from '../support/hostile-errors.js';
import { hostileObjects, raise } from '../support/hostile-values.js';
import { startContext } from '../support/start-context.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

describe('B20 what Nest builds for a request that is none of ours', () => {
  it.each(hostileObjects)('is built, and left alone, when that request is $what', async ({ make }) => {
    @Injectable({ scope: Scope.REQUEST })
    class Session {
      onRequestDispose(): void {
        throw new Error('not ours');
      }
    }
    const { app, logs } = await startContext({ providers: [Session] });
    const moduleRef = app.get(ModuleRef);
    const contextId = ContextIdFactory.create();
    moduleRef.registerRequestByContextId(make(), contextId);

    expect(await moduleRef.resolve(Session, contextId, { strict: false })).toBeInstanceOf(Session);
    expect(logs.errors).toEqual([]);
  });
});

describe('B26 a unit of work that throws what throws where it is looked at', () => {
  it.each(hostileErrors)('rejects with it, and its resources and tasks have theirs: $what', async ({ make }) => {
    const rejections = new UnhandledRejections();
    const error = make();
    const seen: unknown[] = [];
    const resource = (provide: string, release: 'before-response' | 'after-tasks') =>
      provideResource({
        provide,
        release,
        async *useFactory() {
          try {
            yield { provide };
          } catch (thrown) {
            seen.push(thrown);
            throw thrown;
          }
        },
      });
    const providers = [resource('early', 'before-response'), resource('late', 'after-tasks')];
    const { scopes, host, logs } = await startContext({ providers });
    const added: BackgroundTask[] = [];

    const [settled] = await Promise.allSettled([
      scopes.run(async ({ tasks, resolve }) => {
        await resolve('early');
        await resolve('late');
        added.push(
          tasks.addTask(() => undefined),
          tasks.with({ runOn: 'failure' }).addTask(() => undefined),
        );
        raise(error);
      }),
    ]);

    expect(settled.status === 'rejected' && Object.is(settled.reason, error)).toBe(true);
    expect(seen.map((thrown) => Object.is(thrown, error))).toEqual([true, true]);
    expect(added.map(({ state }) => state)).toEqual(['discarded', 'succeeded']);
    expect(logs.errors).toEqual([]);
    expect(host.stats()).toMatchObject({ accepted: 2, waiting: 0, running: 0 });
    expect(await rejections.count()).toBe(0);
  });
});
