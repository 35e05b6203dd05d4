import { Injectable, Scope } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { provideResource } from '../../src/index.js';
import { hostileErrors } from '../support/hostile-errors.js';
import { hostileObjects, raise, withGetter } from '../support/hostile-values.js';
import { startContext } from '../support/start-context.js';
import { UnhandledRejections } from '../support/unhandled-rejections.js';

const releases = ['before-response', 'after-tasks'] as const;

describe.each(releases)('B22 a %s resource', (release) => {
  it.each(hostileErrors)(
    'that yields twice, and then throws where it is ended, says so by code: $what',
    async ({ make }) => {
      const rejections = new UnhandledRejections();
      let isEnded = false;
      const twice = provideResource({
        provide: 'twice',
        release,
        async *useFactory() {
          try {
            yield {};
            yield {};
          } finally {
            isEnded = true;
            raise(make());
          }
        },
      });
      const { scopes, host, logs } = await startContext({ providers: [twice] });

      const [settled] = await Promise.allSettled([scopes.run(({ resolve }) => resolve('twice'))]);

      // After the response an error can only be logged.
      const told = settled.status === 'rejected' ? [(settled.reason as Error).name] : logs.errors;
      expect(told).toEqual([expect.stringContaining('ResourceYieldedTwiceError')]);
      expect(settled.status).toBe(release === 'before-response' ? 'rejected' : 'fulfilled');
      expect(isEnded).toBe(true);
      await host.onIdle();
      expect(await rejections.count()).toBe(0);
    },
  );

  it('that only looks like a generator may give no step, and need not have a return()', async () => {
    const pretend = (steps: unknown[]) => ({ next: () => steps.shift(), throw: raise });
    const provide = (name: string, steps: unknown[]) =>
      provideResource({
        provide: name,
        release,
        useFactory: () => pretend(steps) as unknown as Generator<object, void, void>,
      });
    const providers = [
      provide('nothing', [undefined]),
      provide('once', [{ done: false, value: {} }, null]),
      provide('twice', [
        { done: false, value: {} },
        { done: false, value: {} },
      ]),
    ];
    const { scopes, logs } = await startContext({ providers });

    const results = await Promise.allSettled(
      ['nothing', 'once', 'twice'].map((token) => scopes.run(({ resolve }) => resolve(token))),
    );

    const codes = results.map((result) =>
      result.status === 'rejected' ? (result.reason as { code: string }).code : 'none',
    );
    expect(codes).toEqual([
      'RESOURCE_YIELDED_NOTHING',
      'none',
      release === 'after-tasks' ? 'none' : 'RESOURCE_YIELDED_TWICE',
    ]);
    expect(logs.errors).toHaveLength(release === 'after-tasks' ? 1 : 0);
  });

  it.each(hostileObjects.filter(({ what }) => !/every trap|trap get$|revoked|then/.test(what)))(
    'is given back, and given to those that depend on it, when it is $what',
    async ({ make }) => {
      const value = make();
      const seen: unknown[] = [];
      const hostile = provideResource({
        provide: 'hostile',
        release,
        useFactory: () => value,
        dispose: (gone) => seen.push(gone),
      });
      const inject: string[] = ['hostile', 'slow'];
      const dependent = provideResource({
        provide: 'dependent',
        release,
        inject,
        useFactory: (injected: unknown) => ({ injected }),
        dispose: ({ injected }) => seen.push(injected),
      });
      const slow = provideResource({
        provide: 'slow',
        release,
        useFactory: async () => ({}),
        dispose: () => undefined,
      });
      const { scopes, logs } = await startContext({ providers: [hostile, dependent, slow] });

      await scopes.run(({ resolve }) => resolve('dependent').then(() => undefined));

      expect(seen.map((each) => each === value)).toEqual([true, true]);
      expect(logs.errors).toEqual([]);
    },
  );
});

describe('B20 a disposer behind a getter', () => {
  it('is called where the getter needs an instance, which the class alone has not', async () => {
    let closed = 0;
    @Injectable({ scope: Scope.REQUEST })
    class Connection {
      readonly #close = () => void closed++;
      get [Symbol.asyncDispose]() {
        return this.#close;
      }
    }
    const { scopes, logs } = await startContext({ providers: [Connection] });

    for (let run = 0; run < 3; run++) await scopes.run(({ resolve }) => resolve(Connection).then(() => undefined));

    expect(closed).toBe(3);
    expect(logs.errors).toEqual([]);
  });

  it.each(['onRequestDispose', Symbol.asyncDispose, Symbol.dispose])(
    'has failed when the getter throws, and the others still run: %s',
    async (key) => {
      const rejections = new UnhandledRejections();
      let closed = 0;
      @Injectable({ scope: Scope.REQUEST })
      class Broken {
        constructor() {
          withGetter(this, key, new Error('not connected'));
        }
      }
      @Injectable({ scope: Scope.REQUEST })
      class Sound {
        onRequestDispose(): void {
          closed++;
        }
      }
      const { scopes, logs } = await startContext({ providers: [Broken, Sound] });

      await scopes.run(async ({ resolve }) => {
        await resolve(Sound);
        await resolve(Broken);
      });

      expect(closed).toBe(1);
      expect(logs.errors).toEqual([
        expect.stringMatching(/^Disposal of Broken failed after a unit of work: Error: not connected/),
      ]);
      expect(await rejections.count()).toBe(0);
    },
  );

  it('is not looked for in a proxy that throws at members it does not know', async () => {
    const rejections = new UnhandledRejections();
    @Injectable({ scope: Scope.REQUEST })
    class Strict {
      constructor() {
        const known = new Set<PropertyKey>(['then', 'onModuleInit']);
        return new Proxy(this, {
          get: (_, key) => (known.has(key) ? undefined : raise(new Error(`no ${String(key)}`))),
        });
      }
    }
    const { scopes, logs } = await startContext({ providers: [Strict] });

    await scopes.run(({ resolve }) => resolve(Strict).then(() => undefined));

    expect(logs.errors).toEqual([]);
    expect(await rejections.count()).toBe(0);
  });

  it('may belong to a class without a prototype of its own', async () => {
    let closed = 0;
    class Connection {
      [Symbol.dispose](): void {
        closed++;
      }
    }
    const useClass = Connection.bind(null);
    const { scopes } = await startContext({ providers: [{ provide: 'bound', useClass, scope: Scope.REQUEST }] });

    await scopes.run(({ resolve }) => resolve('bound').then(() => undefined));

    expect(closed).toBe(1);
  });
});

describe('B24 the request’s own error', () => {
  it('is not reported as a failed disposal when it is not equal to itself', async () => {
    const resource = provideResource({
      provide: 'resource',
      *useFactory() {
        yield {};
      },
    });
    const { scopes, logs } = await startContext({ providers: [resource] });

    const [settled] = await Promise.allSettled([
      scopes.run(({ resolve }) => resolve('resource').then(() => raise(NaN))),
    ]);

    expect(settled).toEqual({ status: 'rejected', reason: NaN });
    expect(logs.errors).toEqual([]);
  });
});
